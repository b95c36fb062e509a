// Package terraform reads the modules below terraform/, without Terraform.
package terraform

import (
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// Variable is an input of a module.
type Variable struct {
	Name, Description, Type, Default string
	// Required says that it has no default.
	Required bool
}

// Output of a module.
type Output struct {
	Name, Description string
}

// Module is a folder of configuration.
type Module struct {
	Dir       string
	Variables []Variable
	Outputs   []Output
	// Text of all its files.
	Text string
}

// Files below a folder with one of the endings.
func Files(root string, endings ...string) ([]string, error) {
	var found []string
	err := filepath.WalkDir(root, func(path string, entry os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && entry.Name() == ".terraform" {
			return filepath.SkipDir
		}
		for _, ending := range endings {
			if !entry.IsDir() && strings.HasSuffix(path, ending) {
				found = append(found, path)
			}
		}
		return nil
	})
	return found, err
}

// Modules below a folder: where a versions.tf is.
func Modules(root string) ([]Module, error) {
	files, err := Files(root, "versions.tf")
	if err != nil {
		return nil, err
	}
	var modules []Module
	for _, file := range files {
		module, err := read(filepath.Dir(file))
		if err != nil {
			return nil, err
		}
		modules = append(modules, module)
	}
	return modules, nil
}

func read(dir string) (Module, error) {
	module := Module{Dir: dir}
	files, err := filepath.Glob(filepath.Join(dir, "*.tf"))
	if err != nil {
		return module, err
	}
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			return module, err
		}
		module.Text += string(source)
		parsed, diagnostics := hclsyntax.ParseConfig(source, file, hcl.InitialPos)
		if diagnostics.HasErrors() {
			return module, diagnostics
		}
		body, ok := parsed.Body.(*hclsyntax.Body)
		if !ok {
			return module, fmt.Errorf("%s is not in the native syntax", file)
		}
		for _, block := range body.Blocks {
			switch block.Type {
			case "variable":
				module.Variables = append(module.Variables, variable(block, source))
			case "output":
				module.Outputs = append(module.Outputs, Output{
					Name:        block.Labels[0],
					Description: text(block.Body.Attributes["description"]),
				})
			}
		}
	}
	sort.Slice(module.Variables, func(a, b int) bool {
		one, other := module.Variables[a], module.Variables[b]
		if one.Required != other.Required {
			return one.Required
		}
		return one.Name < other.Name
	})
	sort.Slice(module.Outputs, func(a, b int) bool { return module.Outputs[a].Name < module.Outputs[b].Name })
	return module, nil
}

func variable(block *hclsyntax.Block, source []byte) Variable {
	attributes := block.Body.Attributes
	found := Variable{
		Name:        block.Labels[0],
		Description: text(attributes["description"]),
		Required:    attributes["default"] == nil,
	}
	if typed := attributes["type"]; typed != nil {
		found.Type = string(typed.Expr.Range().SliceBytes(source))
	}
	if set := attributes["default"]; set != nil {
		found.Default = string(set.Expr.Range().SliceBytes(source))
	}
	return found
}

// The value of an attribute that is a plain text; empty without.
func text(attribute *hclsyntax.Attribute) string {
	if attribute == nil {
		return ""
	}
	value, diagnostics := attribute.Expr.Value(nil)
	if diagnostics.HasErrors() || value.Type().FriendlyName() != "string" {
		return ""
	}
	return value.AsString()
}

// Readme with its tables as the module has them.
func (module Module) Readme(found string) (string, error) {
	inputs := "| name | meaning | type | default |\n|---|---|---|---|\n"
	for _, one := range module.Variables {
		set := "required"
		if !one.Required {
			set = "`" + one.Default + "`"
		}
		inputs += fmt.Sprintf("| `%s` | %s | `%s` | %s |\n", one.Name, cell(one.Description), one.Type, set)
	}
	outputs := "| name | meaning |\n|---|---|\n"
	for _, one := range module.Outputs {
		outputs += fmt.Sprintf("| `%s` | %s |\n", one.Name, cell(one.Description))
	}
	filled, err := fill(found, "inputs", inputs)
	if err != nil {
		return "", err
	}
	return fill(filled, "outputs", outputs)
}

func cell(text string) string {
	return strings.ReplaceAll(strings.TrimSpace(text), "|", "\\|")
}

// fill puts a table between `<!-- name -->` and the next `<!-- end -->`.
func fill(text, name, table string) (string, error) {
	start, end := "<!-- "+name+" -->\n", "<!-- end -->"
	head, rest, found := strings.Cut(text, start)
	if !found {
		return "", fmt.Errorf("no line %q", strings.TrimSpace(start))
	}
	_, tail, found := strings.Cut(rest, end)
	if !found {
		return "", fmt.Errorf("no line %q after %q", end, strings.TrimSpace(start))
	}
	return head + start + table + end + tail, nil
}
