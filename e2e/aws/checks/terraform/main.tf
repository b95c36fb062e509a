# A configuration of Terraform's AWS provider that knows nothing of the simulator: AWS_ENDPOINT_URL leads it there.
# check_terraform.py applies it, plans again, changes it, and destroys it.

terraform {
  required_version = ">= 1.7"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.60"
    }
  }
}

provider "aws" {
  default_tags {
    tags = {
      made-by = "terraform"
    }
  }
}

variable "weight" {
  description = "Weight of the new version: what is changed in place."
  type        = number
  default     = 10
}

variable "certificate" {
  description = "Certificate, PEM."
  type        = string
}

variable "private_key" {
  description = "Its key, PEM."
  type        = string
  sensitive   = true
}

data "aws_caller_identity" "this" {}

data "aws_vpcs" "this" {}

data "aws_subnets" "this" {
  filter {
    name   = "vpc-id"
    values = [local.vpc]
  }

  filter {
    name   = "tag:kubernetes.io/role/internal-elb"
    values = ["1"]
  }
}

locals {
  vpc = one(data.aws_vpcs.this.ids)
}

resource "aws_security_group" "web" {
  name        = "web"
  description = "Clients of the load balancer"
  vpc_id      = local.vpc

  ingress {
    description = "HTTPS"
    from_port   = 443
    to_port     = 443
    protocol    = "tcp"
    cidr_blocks = ["0.0.0.0/0"]
  }

  egress {
    from_port   = 0
    to_port     = 0
    protocol    = "-1"
    cidr_blocks = ["0.0.0.0/0"]
  }
}

resource "aws_lb" "web" {
  name               = "web"
  internal           = true
  load_balancer_type = "application"
  subnets            = data.aws_subnets.this.ids
  security_groups    = [aws_security_group.web.id]
  idle_timeout       = 120

  tags = {
    app = "web"
  }
}

resource "aws_lb_target_group" "version" {
  for_each = toset(["old", "new"])

  name                 = "web-${each.key}"
  port                 = 8080
  protocol             = "HTTP"
  target_type          = "ip"
  vpc_id               = local.vpc
  deregistration_delay = 30

  health_check {
    path    = "/ready"
    matcher = "200-299"
  }
}

resource "aws_lb_target_group_attachment" "old" {
  target_group_arn = aws_lb_target_group.version["old"].arn
  target_id        = "192.168.96.10"
  port             = 8080
}

resource "aws_acm_certificate" "web" {
  certificate_body = var.certificate
  private_key      = var.private_key
}

resource "aws_lb_listener" "https" {
  load_balancer_arn = aws_lb.web.arn
  port              = 443
  protocol          = "HTTPS"
  ssl_policy        = "ELBSecurityPolicy-TLS13-1-2-2021-06"
  certificate_arn   = aws_acm_certificate.web.arn

  default_action {
    type = "fixed-response"

    fixed_response {
      content_type = "text/plain"
      message_body = "nothing here"
      status_code  = "404"
    }
  }
}

resource "aws_lb_listener" "http" {
  load_balancer_arn = aws_lb.web.arn
  port              = 80
  protocol          = "HTTP"

  default_action {
    type = "redirect"

    redirect {
      port        = "443"
      protocol    = "HTTPS"
      status_code = "HTTP_301"
    }
  }
}

resource "aws_lb_listener_rule" "shop" {
  listener_arn = aws_lb_listener.https.arn
  priority     = 10

  action {
    type = "forward"

    forward {
      target_group {
        arn    = aws_lb_target_group.version["old"].arn
        weight = 100 - var.weight
      }

      target_group {
        arn    = aws_lb_target_group.version["new"].arn
        weight = var.weight
      }
    }
  }

  condition {
    host_header {
      values = ["shop.example.com"]
    }
  }

  condition {
    path_pattern {
      values = ["/cart", "/cart/*"]
    }
  }

  condition {
    http_header {
      http_header_name = "X-Version"
      values           = ["2"]
    }
  }
}

resource "aws_vpclattice_service_network" "mesh" {
  name      = "mesh"
  auth_type = "NONE"
}

resource "aws_vpclattice_service_network_vpc_association" "mesh" {
  vpc_identifier             = local.vpc
  service_network_identifier = aws_vpclattice_service_network.mesh.id
}

resource "aws_vpclattice_service" "shop" {
  name      = "shop"
  auth_type = "NONE"
}

resource "aws_vpclattice_service_network_service_association" "shop" {
  service_identifier         = aws_vpclattice_service.shop.id
  service_network_identifier = aws_vpclattice_service_network.mesh.id
}

resource "aws_vpclattice_target_group" "shop" {
  name = "shop"
  type = "IP"

  config {
    vpc_identifier   = local.vpc
    port             = 8080
    protocol         = "HTTP"
    protocol_version = "HTTP1"
  }
}

resource "aws_vpclattice_listener" "shop" {
  name               = "http"
  protocol           = "HTTP"
  port               = 80
  service_identifier = aws_vpclattice_service.shop.id

  default_action {
    fixed_response {
      status_code = 404
    }
  }
}

resource "aws_vpclattice_listener_rule" "shop" {
  name                = "cart"
  priority            = 10
  listener_identifier = aws_vpclattice_listener.shop.listener_id
  service_identifier  = aws_vpclattice_service.shop.id

  match {
    http_match {
      method = "GET"

      path_match {
        case_sensitive = true

        match {
          prefix = "/cart"
        }
      }
    }
  }

  action {
    forward {
      target_groups {
        target_group_identifier = aws_vpclattice_target_group.shop.id
        weight                  = 10
      }
    }
  }
}

output "account" {
  description = "Account that everything is in."
  value       = data.aws_caller_identity.this.account_id
}
