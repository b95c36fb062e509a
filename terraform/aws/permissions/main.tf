data "aws_partition" "current" {}

locals {
  # Generated from the list of calls that the controller makes; see README.md.
  all = toset([
    for file in fileset("${path.module}/policies", "*.json.tftpl") : trimsuffix(file, ".json.tftpl")
  ])

  policies = {
    for part in coalesce(var.parts, local.all) : part => jsonencode(jsondecode(templatefile(
      "${path.module}/policies/${part}.json.tftpl",
      {
        partition = data.aws_partition.current.partition
        cluster   = var.cluster_name
      },
    )))
  }
}

resource "aws_iam_policy" "this" {
  for_each = local.policies

  name        = "${var.name_prefix}${var.cluster_name}-${each.key}"
  path        = var.path
  description = "What Gatewright of the cluster ${var.cluster_name} may do: ${each.key}"
  policy      = each.value
  tags        = var.tags
}
