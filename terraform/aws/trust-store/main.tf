data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

locals {
  # "Bucket names can consist only of lowercase letters, numbers, periods (.), and hyphens (-)":
  # https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
  cluster = substr(lower(replace(var.cluster_name, "/[^A-Za-z0-9-]/", "-")), 0, 32)
  bucket  = coalesce(var.bucket, "gatewright-${local.cluster}-trust-${data.aws_caller_identity.current.account_id}")
  arn     = "arn:${data.aws_partition.current.partition}:s3:::${local.bucket}"
}

resource "aws_s3_bucket" "this" {
  bucket        = local.bucket
  force_destroy = var.force_destroy
  tags          = var.tags
}

resource "aws_s3_bucket_public_access_block" "this" {
  bucket = aws_s3_bucket.this.id

  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "this" {
  bucket = aws_s3_bucket.this.id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "this" {
  bucket = aws_s3_bucket.this.id

  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256"
    }
  }
}

resource "aws_s3_bucket_versioning" "this" {
  bucket = aws_s3_bucket.this.id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "this" {
  # Versions must be on before rules about them mean anything.
  bucket = aws_s3_bucket_versioning.this.bucket

  rule {
    id     = "old-bundles"
    status = "Enabled"

    filter {}

    noncurrent_version_expiration {
      noncurrent_days = var.noncurrent_days
    }

    abort_incomplete_multipart_upload {
      days_after_initiation = 1
    }
  }

  # AWS has a copy as soon as a trust store is made; what an interrupted controller leaves behind goes by itself.
  rule {
    id     = "bundles-of-the-controller"
    status = "Enabled"

    filter {
      prefix = "gatewright/"
    }

    expiration {
      days = 1
    }
  }
}

resource "aws_s3_bucket_policy" "this" {
  bucket = aws_s3_bucket.this.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "OnlyEncryptedConnections"
      Effect    = "Deny"
      Principal = "*"
      Action    = "s3:*"
      Resource  = [local.arn, "${local.arn}/*"]
      Condition = {
        Bool = { "aws:SecureTransport" = "false" }
      }
    }]
  })

  depends_on = [aws_s3_bucket_public_access_block.this]
}
