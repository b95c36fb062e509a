variable "eks_cluster_name" {
  description = "Name of a cluster in EKS that exists."
  type        = string
}

variable "cluster_name" {
  description = "Name of the cluster for Gatewright, different for each cluster that uses the account; that in EKS by default."
  type        = string
  default     = null
}

variable "identity" {
  description = "How the controller gets its role: `pod-identity` (the add-on eks-pod-identity-agent must be installed) or `irsa` (the cluster must have an IAM OIDC provider)."
  type        = string
  default     = "pod-identity"

  validation {
    condition     = contains(["pod-identity", "irsa"], var.identity)
    error_message = "identity is pod-identity or irsa."
  }
}

variable "trust_store" {
  description = "Whether a bucket is made for the authorities of client certificates (mutual TLS)."
  type        = bool
  default     = false
}
