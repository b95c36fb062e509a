mock_provider "aws" {
  mock_data "aws_eks_cluster" {
    defaults = {
      arn = "arn:aws:eks:eu-central-1:123456789012:cluster/shop"
      identity = [{
        oidc = [{ issuer = "https://oidc.eks.eu-central-1.amazonaws.com/id/ABCDEF" }]
      }]
      vpc_config = [{
        vpc_id = "vpc-0123456789abcdef0"
      }]
    }
  }

  mock_data "aws_iam_openid_connect_provider" {
    defaults = {
      arn = "arn:aws:iam::123456789012:oidc-provider/oidc.eks.eu-central-1.amazonaws.com/id/ABCDEF"
    }
  }

  mock_data "aws_partition" {
    defaults = {
      partition = "aws"
    }
  }

  mock_data "aws_caller_identity" {
    defaults = {
      account_id = "123456789012"
    }
  }

  mock_resource "aws_iam_policy" {
    defaults = {
      arn = "arn:aws:iam::123456789012:policy/some"
    }
  }

  mock_resource "aws_iam_role" {
    defaults = {
      arn = "arn:aws:iam::123456789012:role/gatewright-shop"
    }
  }
}

variables {
  eks_cluster_name = "shop"
}

run "pod_identity" {
  command = apply

  assert {
    condition = yamldecode(output.helm_values) == {
      aws            = { clusterName = "shop", vpcId = "vpc-0123456789abcdef0", region = "eu-central-1" }
      serviceAccount = { name = "gatewright-controller" }
    }
    error_message = "The chart gets all that it needs."
  }

  assert {
    condition     = length(module.irsa) == 0 && output.trust_store_bucket == null
    error_message = "Nothing is made that was not asked for."
  }
}

run "irsa_and_trust_store" {
  command = apply

  variables {
    identity     = "irsa"
    cluster_name = "green"
    trust_store  = true
  }

  assert {
    condition     = yamldecode(output.helm_values).serviceAccount.annotations["eks.amazonaws.com/role-arn"] == output.role_arn
    error_message = "The ServiceAccount gets the role."
  }

  assert {
    condition     = yamldecode(output.helm_values).aws.clusterName == "green"
    error_message = "The name for Gatewright can be another than that in EKS."
  }

  assert {
    condition     = output.trust_store_bucket == "gatewright-green-trust-123456789012"
    error_message = "The bucket is made."
  }
}
