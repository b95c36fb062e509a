locals {
  eks_cluster_name = coalesce(var.eks_cluster_name, var.cluster_name)

  # https://docs.aws.amazon.com/eks/latest/userguide/pod-id-role.html; the tags are those of the session:
  # https://docs.aws.amazon.com/eks/latest/userguide/pod-id-abac.html
  trust = {
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "pods.eks.amazonaws.com" }
      Action    = ["sts:AssumeRole", "sts:TagSession"]
      Condition = {
        StringEquals = {
          "aws:RequestTag/eks-cluster-name"           = local.eks_cluster_name
          "aws:RequestTag/kubernetes-namespace"       = var.namespace
          "aws:RequestTag/kubernetes-service-account" = var.service_account
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

resource "aws_eks_pod_identity_association" "this" {
  cluster_name    = local.eks_cluster_name
  namespace       = var.namespace
  service_account = var.service_account
  role_arn        = aws_iam_role.this.arn
  tags            = var.tags
}
