variable "cluster_name" {
  description = "Name of the cluster: the value of `aws.clusterName` of the Helm chart."
  type        = string
}

variable "bucket" {
  description = "Name of the bucket; by default `gatewright-`, the cluster's name, `-trust-` and the account. The policies of the module `permissions` allow buckets whose names begin with `gatewright-`."
  type        = string
  default     = null

  validation {
    condition     = var.bucket == null || can(regex("^gatewright-[a-z0-9.-]{1,52}$", var.bucket))
    error_message = "bucket begins with gatewright- and has at most 63 lower-case letters, digits, dots and hyphens."
  }
}

variable "noncurrent_days" {
  description = "Days for which bundles that were replaced are kept."
  type        = number
  default     = 30

  validation {
    condition     = var.noncurrent_days >= 1
    error_message = "noncurrent_days is at least 1."
  }
}

variable "force_destroy" {
  description = "Whether the bucket is deleted with what is in it. Bundles are made again by the controller."
  type        = bool
  default     = false
}

variable "tags" {
  description = "Tags of the bucket."
  type        = map(string)
  default     = {}
}
