output "role_arn" {
  description = "ARN of the controller's role."
  value       = local.identity.role_arn
}

output "trust_store_bucket" {
  description = "Bucket for the authorities of client certificates; none unless `trust_store` is set."
  value       = one(module.trust_store[*].bucket)
}

output "helm_values" {
  description = "Values of the Helm chart, as YAML: `terraform output -raw helm_values > values.yaml`."
  value       = yamlencode(local.helm_values)
}
