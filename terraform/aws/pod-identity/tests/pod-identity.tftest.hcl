mock_provider "aws" {
  mock_resource "aws_iam_role" {
    defaults = {
      arn = "arn:aws:iam::123456789012:role/gatewright-shop"
    }
  }
}

variables {
  cluster_name     = "shop"
  eks_cluster_name = "shop-eks"
  policy_arns = {
    network = "arn:aws:iam::123456789012:policy/gatewright-shop-network"
    account = "arn:aws:iam::123456789012:policy/gatewright-shop-account"
  }
}

run "one_service_account_alone" {
  command = apply

  assert {
    condition = jsondecode(aws_iam_role.this.assume_role_policy).Statement[0].Condition.StringEquals == {
      "aws:RequestTag/eks-cluster-name"           = "shop-eks"
      "aws:RequestTag/kubernetes-namespace"       = "gatewright-system"
      "aws:RequestTag/kubernetes-service-account" = "gatewright-controller"
    }
    error_message = "The controller's ServiceAccount alone may take on the role."
  }

  assert {
    condition     = length(aws_iam_role_policy_attachment.this) == 2
    error_message = "The role has the policies that are given."
  }

  assert {
    condition = (
      aws_eks_pod_identity_association.this.cluster_name == "shop-eks"
      && aws_eks_pod_identity_association.this.service_account == output.helm_values.serviceAccount.name
      && aws_eks_pod_identity_association.this.role_arn == output.role_arn
    )
    error_message = "The association gives the role to the ServiceAccount of the chart."
  }
}
