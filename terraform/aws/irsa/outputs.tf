output "role_arn" {
  description = "ARN of the role."
  value       = aws_iam_role.this.arn
}

output "role_name" {
  description = "Name of the role."
  value       = aws_iam_role.this.name
}

output "helm_values" {
  description = "Values of the Helm chart: the cluster's name, and the annotation of the ServiceAccount that gives it the role."
  value = {
    aws = {
      clusterName = var.cluster_name
    }
    serviceAccount = {
      name = var.service_account
      annotations = {
        "eks.amazonaws.com/role-arn" = aws_iam_role.this.arn
      }
    }
  }
}
