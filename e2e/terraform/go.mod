module gatewright.dev/e2e/terraform

go 1.26

require (
	github.com/hashicorp/hcl/v2 v2.24.0
	github.com/zclconf/go-cty v1.16.3
)
