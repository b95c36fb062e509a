locals {
  # The issuer without its scheme is what follows the slash of the provider's ARN, and begins the names of its claims:
  # https://docs.aws.amazon.com/eks/latest/userguide/associate-service-account-role.html
  issuer = regex("^arn:[a-z-]+:iam::[0-9]{12}:oidc-provider/(.+)$", var.oidc_provider_arn)[0]

  trust = {
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Federated = var.oidc_provider_arn }
      Action    = ["sts:AssumeRoleWithWebIdentity"]
      Condition = {
        StringEquals = {
          "${local.issuer}:aud" = "sts.amazonaws.com"
          "${local.issuer}:sub" = "system:serviceaccount:${var.namespace}:${var.service_account}"
        }
      }
    }]
  }
}

resource "aws_iam_role" "this" {
  name                 = coalesce(var.role_name, "gatewright-${var.cluster_name}")
  path                 = var.path
  description          = "Gatewright of the cluster ${var.cluster_name}"
  assume_role_policy   = jsonencode(local.trust)
  permissions_boundary = var.permissions_boundary
  tags                 = var.tags
}

resource "aws_iam_role_policy_attachment" "this" {
  for_each = var.policy_arns

  role       = aws_iam_role.this.name
  policy_arn = each.value
}

resource "aws_iam_role_policy" "assume" {
  count = length(var.assumable_role_arns) > 0 ? 1 : 0

  name = "assume-roles"
  role = aws_iam_role.this.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Allow"
      Action   = ["sts:AssumeRole"]
      Resource = sort(tolist(var.assumable_role_arns))
    }]
  })
}
