output "role_arn" {
  description = "ARN of the role."
  value       = aws_iam_role.this.arn
}

output "role_name" {
  description = "Name of the role."
  value       = aws_iam_role.this.name
}

output "association_id" {
  description = "Id of the Pod Identity association."
  value       = aws_eks_pod_identity_association.this.association_id
}

output "helm_values" {
  description = "Values of the Helm chart: the cluster's name, and the ServiceAccount that the association is for."
  value = {
    aws = {
      clusterName = var.cluster_name
    }
    serviceAccount = {
      name = var.service_account
    }
  }
}
