mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = {
      account_id = "123456789012"
    }
  }

  mock_data "aws_partition" {
    defaults = {
      partition = "aws"
    }
  }
}

variables {
  cluster_name = "Shop_Green"
}

run "a_private_bucket" {
  command = apply

  assert {
    condition     = output.bucket == "gatewright-shop-green-trust-123456789012"
    error_message = "The bucket is named after cluster and account, as names of buckets may be."
  }

  assert {
    condition = (
      aws_s3_bucket_public_access_block.this.block_public_acls
      && aws_s3_bucket_public_access_block.this.block_public_policy
      && aws_s3_bucket_public_access_block.this.ignore_public_acls
      && aws_s3_bucket_public_access_block.this.restrict_public_buckets
    )
    error_message = "Nothing of the bucket is public."
  }

  assert {
    condition     = jsondecode(aws_s3_bucket_policy.this.policy).Statement[0].Condition.Bool["aws:SecureTransport"] == "false"
    error_message = "Connections without encryption are refused."
  }

  assert {
    condition     = aws_s3_bucket_versioning.this.versioning_configuration[0].status == "Enabled"
    error_message = "Bundles that were replaced are kept."
  }

  assert {
    condition = anytrue([
      for rule in aws_s3_bucket_lifecycle_configuration.this.rule :
      rule.filter[0].prefix == "gatewright/" && rule.expiration[0].days == 1
      if length(rule.expiration) > 0
    ])
    error_message = "Bundles that were left behind go after a day."
  }
}

run "a_name_that_the_policy_does_not_allow" {
  command = plan

  variables {
    bucket = "trust"
  }

  expect_failures = [var.bucket]
}
