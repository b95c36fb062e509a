variable "cluster_name" {
  description = "Name of the cluster: the value of `aws.clusterName` of the Helm chart. The policies allow changes of what has this name in its tag `gatewright.dev/cluster`, of rules of security groups that have it in their tag `gatewright.dev/nodes`, and of nothing else."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$", var.cluster_name))
    error_message = "cluster_name has 1 to 100 letters, digits and _.-, as the controller's option --cluster-name."
  }
}

variable "parts" {
  description = "Parts of the policy to make, by the names of the files in `policies`; all by default. Each is a managed policy of its own."
  type        = set(string)
  default     = null

  validation {
    condition = alltrue([
      for part in(var.parts == null ? toset([]) : var.parts) : fileexists("${path.module}/policies/${part}.json.tftpl")
    ])
    error_message = "parts are names of files in policies, without .json.tftpl."
  }
}

variable "name_prefix" {
  description = "Beginning of the names of the policies."
  type        = string
  default     = "gatewright-"
}

variable "path" {
  description = "Path of the policies in IAM."
  type        = string
  default     = "/"
}

variable "tags" {
  description = "Tags of the policies."
  type        = map(string)
  default     = {}
}
