variable "cluster_name" {
  description = "Name of the cluster: the value of `aws.clusterName` of the Helm chart."
  type        = string
}

variable "policy_arns" {
  description = "Policies of the role, by part: the output `policy_arns` of the module `permissions`."
  type        = map(string)
}

variable "namespace" {
  description = "Namespace of the controller."
  type        = string
  default     = "gatewright-system"
}

variable "service_account" {
  description = "ServiceAccount of the controller, which is `<release>-controller` unless the chart's `serviceAccount.name` says otherwise."
  type        = string
  default     = "gatewright-controller"
}

variable "role_name" {
  description = "Name of the role; `gatewright-` and the cluster's name by default."
  type        = string
  default     = null
}

variable "path" {
  description = "Path of the role in IAM."
  type        = string
  default     = "/"
}

variable "permissions_boundary" {
  description = "ARN of a permissions boundary of the role."
  type        = string
  default     = null
}

variable "assumable_role_arns" {
  description = "ARNs of roles, of other accounts for example, that the controller may take on."
  type        = set(string)
  default     = []
}

variable "tags" {
  description = "Tags of the role."
  type        = map(string)
  default     = {}
}

variable "oidc_provider_arn" {
  description = "ARN of the IAM OIDC provider of the cluster."
  type        = string

  validation {
    condition     = can(regex("^arn:[a-z-]+:iam::[0-9]{12}:oidc-provider/.+$", var.oidc_provider_arn))
    error_message = "oidc_provider_arn is the ARN of an IAM OIDC provider: arn:aws:iam::<account>:oidc-provider/<issuer>."
  }
}
