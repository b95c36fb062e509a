// Package apply writes objects to the API server by server-side apply.
package apply

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
)

// manager names this program among the managers of fields.
const manager = "gatewright-cluster"

// maxObjects bounds what is read from one file.
const maxObjects = 1000

// Bundle applies the objects of a file (JSON, one object after the other, gzip-compressed if the
// name ends in .gz) and waits until every CustomResourceDefinition among them is served.
func Bundle(ctx context.Context, config *rest.Config, path string) error {
	objects, err := readFile(path)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if err := Objects(ctx, config, objects); err != nil {
		return err
	}
	return waitServed(ctx, config, objects)
}

// Objects applies objects, several at a time; so none may need another one to exist.
func Objects(ctx context.Context, config *rest.Config, objects []*unstructured.Unstructured) error {
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(8)
	for _, object := range objects {
		group.Go(func() error {
			_, err := resource(client, object).Apply(ctx, object.GetName(), object, metav1.ApplyOptions{FieldManager: manager, Force: true})
			if err != nil {
				return fmt.Errorf("%s %s: %w", object.GetKind(), object.GetName(), err)
			}
			return nil
		})
	}
	return group.Wait()
}

// resource is the client for an object's kind. The plural is guessed, which is right for every kind
// applied here.
func resource(client dynamic.Interface, object *unstructured.Unstructured) dynamic.ResourceInterface {
	plural, _ := meta.UnsafeGuessKindToResource(object.GroupVersionKind())
	if namespace := object.GetNamespace(); namespace != "" {
		return client.Resource(plural).Namespace(namespace)
	}
	return client.Resource(plural)
}

func readFile(path string) ([]*unstructured.Unstructured, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if !strings.HasSuffix(path, ".gz") {
		return read(file)
	}
	unzipped, err := gzip.NewReader(file)
	if err != nil {
		return nil, err
	}
	return read(unzipped)
}

// read decodes a stream of JSON objects.
func read(stream io.Reader) ([]*unstructured.Unstructured, error) {
	decoder := json.NewDecoder(stream)
	var objects []*unstructured.Unstructured
	for len(objects) < maxObjects {
		object := &unstructured.Unstructured{}
		err := decoder.Decode(&object.Object)
		if errors.Is(err, io.EOF) {
			return objects, nil
		}
		if err != nil {
			return nil, fmt.Errorf("object %d: %w", len(objects)+1, err)
		}
		if object.GetKind() == "" || object.GetAPIVersion() == "" || object.GetName() == "" {
			return nil, fmt.Errorf("object %d: has no apiVersion, kind or name", len(objects)+1)
		}
		objects = append(objects, object)
	}
	return nil, fmt.Errorf("more than %d objects", maxObjects)
}

// waitServed waits until each definition's condition Established is true.
func waitServed(ctx context.Context, config *rest.Config, objects []*unstructured.Unstructured) error {
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return err
	}
	for _, object := range objects {
		if object.GetKind() != "CustomResourceDefinition" {
			continue
		}
		err := wait.PollUntilContextCancel(ctx, 50*time.Millisecond, true, func(ctx context.Context) (bool, error) {
			found, err := resource(client, object).Get(ctx, object.GetName(), metav1.GetOptions{})
			if err != nil {
				return false, nil //nolint:nilerr // the next look tells
			}
			return established(found), nil
		})
		if err != nil {
			return fmt.Errorf("%s is not served: %w", object.GetName(), err)
		}
	}
	return nil
}

func established(definition *unstructured.Unstructured) bool {
	conditions, _, _ := unstructured.NestedSlice(definition.Object, "status", "conditions")
	for _, item := range conditions {
		condition, ok := item.(map[string]any)
		if ok && condition["type"] == "Established" && condition["status"] == "True" {
			return true
		}
	}
	return false
}
