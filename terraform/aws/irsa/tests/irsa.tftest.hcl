mock_provider "aws" {
  mock_resource "aws_iam_role" {
    defaults = {
      arn = "arn:aws:iam::123456789012:role/gatewright-shop"
    }
  }
}

variables {
  cluster_name      = "shop"
  oidc_provider_arn = "arn:aws:iam::123456789012:oidc-provider/oidc.eks.eu-central-1.amazonaws.com/id/ABCDEF"
  policy_arns = {
    network = "arn:aws:iam::123456789012:policy/gatewright-shop-network"
  }
}

run "one_service_account_alone" {
  command = apply

  assert {
    condition = jsondecode(aws_iam_role.this.assume_role_policy).Statement[0].Condition.StringEquals == {
      "oidc.eks.eu-central-1.amazonaws.com/id/ABCDEF:aud" = "sts.amazonaws.com"
      "oidc.eks.eu-central-1.amazonaws.com/id/ABCDEF:sub" = "system:serviceaccount:gatewright-system:gatewright-controller"
    }
    error_message = "The controller's ServiceAccount alone may take on the role."
  }

  assert {
    condition     = aws_iam_role_policy_attachment.this["network"].policy_arn == var.policy_arns["network"]
    error_message = "The role has the policies that are given."
  }

  assert {
    condition     = length(aws_iam_role_policy.assume) == 0
    error_message = "Without roles of other accounts the role takes on none."
  }

  assert {
    condition     = output.helm_values.serviceAccount.annotations["eks.amazonaws.com/role-arn"] == output.role_arn
    error_message = "The chart gets the role."
  }
}

run "roles_of_other_accounts" {
  command = apply

  variables {
    assumable_role_arns = ["arn:aws:iam::210987654321:role/gatewright"]
  }

  assert {
    condition     = jsondecode(aws_iam_role_policy.assume[0].policy).Statement[0].Resource == ["arn:aws:iam::210987654321:role/gatewright"]
    error_message = "Only the roles that are named can be taken on."
  }
}

run "something_that_is_no_provider" {
  command = plan

  variables {
    oidc_provider_arn = "https://oidc.eks.eu-central-1.amazonaws.com/id/ABCDEF"
  }

  expect_failures = [var.oidc_provider_arn]
}
