output "policy_arns" {
  description = "ARN of the policy of each part. Conditions that tell of a missing permission name the part."
  value       = { for part, policy in aws_iam_policy.this : part => policy.arn }
}

output "policies" {
  description = "The policy document of each part, for roles that are made elsewhere."
  value       = local.policies
}
