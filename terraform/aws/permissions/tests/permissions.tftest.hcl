mock_provider "aws" {
  mock_data "aws_partition" {
    defaults = {
      partition = "aws-us-gov"
    }
  }
}

variables {
  cluster_name = "shop"
}

run "all_parts" {
  command = apply

  assert {
    condition     = length(output.policy_arns) >= 4 && length(output.policies) == length(output.policy_arns)
    error_message = "Every part has a policy."
  }

  assert {
    condition     = alltrue([for policy in output.policies : length(policy) <= 6144])
    error_message = "A managed policy has at most 6,144 characters."
  }

  assert {
    condition     = aws_iam_policy.this["load-balancing"].name == "gatewright-shop-load-balancing"
    error_message = "Policies are named after cluster and part."
  }

  assert {
    condition     = strcontains(output.policies["load-balancing"], "arn:aws-us-gov:elasticloadbalancing:")
    error_message = "ARNs have the partition of the provider."
  }

  assert {
    condition = anytrue([
      for statement in jsondecode(output.policies["load-balancing"]).Statement :
      contains(statement.Action, "elasticloadbalancing:DeleteLoadBalancer")
      && try(statement.Condition.StringEquals["aws:ResourceTag/gatewright.dev/cluster"], "") == "shop"
    ])
    error_message = "Load balancers of this cluster alone may be deleted."
  }

  assert {
    condition = length([
      for statement in jsondecode(output.policies["network"]).Statement : statement
      if contains(statement.Action, "ec2:AuthorizeSecurityGroupIngress")
      && try(statement.Condition.StringEquals["aws:ResourceTag/gatewright.dev/nodes"], "") == "shop"
    ]) == 1
    error_message = "Rules of others' security groups may be changed where the tag gives them over to this cluster."
  }

  assert {
    condition     = !strcontains(join("", values(output.policies)), "$${")
    error_message = "No gap of a template is left."
  }
}

run "one_part" {
  command = apply

  variables {
    parts = ["network"]
  }

  assert {
    condition     = join(",", keys(output.policy_arns)) == "network"
    error_message = "Only the parts that are named are made."
  }
}

run "a_name_that_the_controller_refuses" {
  command = plan

  variables {
    cluster_name = "shop/green"
  }

  expect_failures = [var.cluster_name]
}

run "a_part_that_does_not_exist" {
  command = plan

  variables {
    parts = ["everything"]
  }

  expect_failures = [var.parts]
}
