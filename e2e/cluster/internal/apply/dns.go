package apply

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/rest"
)

//go:embed dns.yaml
var dnsManifest string

// DNS installs the cluster's DNS server with the given CoreDNS image. It does not wait for its pod:
// few tests need names.
func DNS(ctx context.Context, config *rest.Config, image string) error {
	objects, err := dnsObjects(image)
	if err != nil {
		return err
	}
	return Objects(ctx, config, objects)
}

func dnsObjects(image string) ([]*unstructured.Unstructured, error) {
	decoder := yaml.NewYAMLOrJSONDecoder(strings.NewReader(dnsManifest), 4096)
	var objects []*unstructured.Unstructured
	for {
		object := &unstructured.Unstructured{}
		err := decoder.Decode(&object.Object)
		if errors.Is(err, io.EOF) {
			return objects, nil
		}
		if err != nil {
			return nil, fmt.Errorf("DNS manifest, object %d: %w", len(objects)+1, err)
		}
		if object.GetKind() == "Deployment" {
			if err := setImage(object, image); err != nil {
				return nil, err
			}
		}
		objects = append(objects, object)
	}
}

func setImage(deployment *unstructured.Unstructured, image string) error {
	path := []string{"spec", "template", "spec", "containers"}
	containers, found, err := unstructured.NestedSlice(deployment.Object, path...)
	if err != nil || !found || len(containers) != 1 {
		return fmt.Errorf("DNS manifest: want one container (%v)", err)
	}
	container, ok := containers[0].(map[string]any)
	if !ok {
		return errors.New("DNS manifest: the container is no object")
	}
	container["image"] = image
	return unstructured.SetNestedSlice(deployment.Object, containers, path...)
}
