package terraform

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/hclwrite"
)

var update = flag.Bool("update", false, "write the tables of the modules' READMEs anew, and format all files")

const root = "../../terraform"

func modules(t *testing.T) []Module {
	t.Helper()
	found, err := Modules(root)
	if err != nil {
		t.Fatal(err)
	}
	if len(found) < 5 {
		t.Fatalf("%d modules", len(found))
	}
	return found
}

// hclwrite.Format is what `terraform fmt` does with the layout of a file.
func TestFilesAreReadAndFormatted(t *testing.T) {
	files, err := Files(root, ".tf", ".tftest.hcl")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 20 {
		t.Fatalf("%d files", len(files))
	}
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if _, diagnostics := hclsyntax.ParseConfig(source, file, hcl.InitialPos); diagnostics.HasErrors() {
			t.Error(diagnostics)
			continue
		}
		if formatted := hclwrite.Format(source); string(formatted) != string(source) {
			if *update {
				if err := os.WriteFile(file, formatted, 0o644); err != nil {
					t.Fatal(err)
				}
			} else {
				t.Errorf("%s is not formatted: go test ./... -update", file)
			}
		}
	}
}

func TestInputsAndOutputsAreDocumented(t *testing.T) {
	for _, module := range modules(t) {
		for _, one := range module.Variables {
			if one.Description == "" || one.Type == "" {
				t.Errorf("%s: variable %s needs a description and a type", module.Dir, one.Name)
			}
			if !regexp.MustCompile(`\bvar\.` + one.Name + `\b`).MatchString(module.Text) {
				t.Errorf("%s: nothing uses variable %s", module.Dir, one.Name)
			}
		}
		for _, one := range module.Outputs {
			if one.Description == "" {
				t.Errorf("%s: output %s needs a description", module.Dir, one.Name)
			}
		}
		path := filepath.Join(module.Dir, "README.md")
		found, err := os.ReadFile(path)
		if err != nil {
			t.Error(err)
			continue
		}
		wanted, err := module.Readme(string(found))
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		if wanted != string(found) {
			if *update {
				if err := os.WriteFile(path, []byte(wanted), 0o644); err != nil {
					t.Fatal(err)
				}
			} else {
				t.Errorf("%s has other tables than the module: go test ./... -update", path)
			}
		}
	}
}

// What `terraform test` runs is there for each module, also where it cannot be run.
func TestModulesHaveTests(t *testing.T) {
	for _, module := range modules(t) {
		tests, err := filepath.Glob(filepath.Join(module.Dir, "tests", "*.tftest.hcl"))
		if err != nil {
			t.Fatal(err)
		}
		if len(tests) == 0 {
			t.Errorf("%s has no tests", module.Dir)
		}
	}
}

// Permissions come from the generated templates alone: whoever writes one by hand passes by the list of calls.
func TestPermissionsComeFromTheTemplates(t *testing.T) {
	action := regexp.MustCompile(`"([a-z0-9-]+:[A-Z*][A-Za-z*]*)"`)
	// Trust of roles, and what a bucket denies to all.
	allowed := map[string]bool{
		"sts:AssumeRole":                true,
		"sts:AssumeRoleWithWebIdentity": true,
		"sts:TagSession":                true,
		"s3:*":                          true,
		"aws:SecureTransport":           true,
	}
	for _, module := range modules(t) {
		for _, match := range action.FindAllStringSubmatch(module.Text, -1) {
			if name := match[1]; !allowed[name] && !strings.HasPrefix(name, "aws:RequestTag") {
				t.Errorf("%s names the action %s", module.Dir, name)
			}
		}
	}
}
