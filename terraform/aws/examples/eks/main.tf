data "aws_eks_cluster" "this" {
  name = var.eks_cluster_name
}

data "aws_iam_openid_connect_provider" "this" {
  count = var.identity == "irsa" ? 1 : 0

  url = data.aws_eks_cluster.this.identity[0].oidc[0].issuer
}

locals {
  cluster_name = coalesce(var.cluster_name, var.eks_cluster_name)
  identity     = one(concat(module.irsa, module.pod_identity))

  helm_values = merge(local.identity.helm_values, {
    aws = merge(local.identity.helm_values.aws, {
      vpcId  = data.aws_eks_cluster.this.vpc_config[0].vpc_id
      region = split(":", data.aws_eks_cluster.this.arn)[3]
    })
  })
}

module "permissions" {
  source = "../../permissions"

  cluster_name = local.cluster_name
}

module "irsa" {
  source = "../../irsa"
  count  = var.identity == "irsa" ? 1 : 0

  cluster_name      = local.cluster_name
  oidc_provider_arn = data.aws_iam_openid_connect_provider.this[0].arn
  policy_arns       = module.permissions.policy_arns
}

module "pod_identity" {
  source = "../../pod-identity"
  count  = var.identity == "pod-identity" ? 1 : 0

  cluster_name     = local.cluster_name
  eks_cluster_name = var.eks_cluster_name
  policy_arns      = module.permissions.policy_arns
}

module "trust_store" {
  source = "../../trust-store"
  count  = var.trust_store ? 1 : 0

  cluster_name = local.cluster_name
}
