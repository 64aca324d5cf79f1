package main

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"

	"github.com/operator-framework/api/pkg/operators/v1alpha1"
	"sigs.k8s.io/yaml"
)

// annotations are what the image of a bundle says of it, as a file and as labels. There is one channel until there is a release.
const annotations = `operators.operatorframework.io.bundle.mediatype.v1: registry+v1
operators.operatorframework.io.bundle.manifests.v1: manifests/
operators.operatorframework.io.bundle.metadata.v1: metadata/
operators.operatorframework.io.bundle.package.v1: scim-operator
operators.operatorframework.io.bundle.channels.v1: candidate-v0
operators.operatorframework.io.bundle.channel.default.v1: candidate-v0
`

// write makes the folder anew, so that nothing stays in it that is not in the parts any more.
func write(config, dir string, csv *v1alpha1.ClusterServiceVersion, p *parts) error {
	manifests, metadata := filepath.Join(dir, "manifests"), filepath.Join(dir, "metadata")
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	if err := errors.Join(os.MkdirAll(manifests, 0o755), os.MkdirAll(metadata, 0o755)); err != nil {
		return err
	}
	if err := copyDefinitions(filepath.Join(config, "crd", "bases"), manifests); err != nil {
		return err
	}
	if err := writeObject(manifests, "scim-operator.clusterserviceversion.yaml", csv); err != nil {
		return err
	}
	for _, role := range p.clusterRoles {
		if err := writeObject(manifests, role.Name+".clusterrole.yaml", role); err != nil {
			return err
		}
	}
	for _, object := range p.plain {
		name := object.GetName() + "." + strings.ToLower(object.GetKind()) + ".yaml"
		if err := writeObject(manifests, name, object.Object); err != nil {
			return err
		}
	}
	file, labels := "annotations:\n", "# docker build --file bundle/bundle.Dockerfile bundle\nFROM scratch\n"
	for line := range strings.Lines(annotations) {
		file += "  " + line
		labels += "LABEL " + strings.Replace(line, ": ", "=", 1)
	}
	return errors.Join(
		os.WriteFile(filepath.Join(metadata, "annotations.yaml"), []byte(file), 0o644),
		os.WriteFile(filepath.Join(dir, "bundle.Dockerfile"), []byte(labels+"COPY manifests /manifests/\nCOPY metadata /metadata/\n"), 0o644),
	)
}

func copyDefinitions(from, to string) error {
	paths, err := filepath.Glob(filepath.Join(from, "*.yaml"))
	if err != nil {
		return err
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(to, filepath.Base(path)), text, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// writeObject leaves out a status, and what Go's types write although nobody said it.
func writeObject(dir, name string, object any) error {
	encoded, err := json.Marshal(object)
	if err != nil {
		return err
	}
	var fields map[string]any
	if err := json.Unmarshal(encoded, &fields); err != nil {
		return err
	}
	delete(fields, "status")
	dropEmpty(fields)
	text, err := yaml.Marshal(fields)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, name), text, 0o644)
}

// dropEmpty takes out fields without a value and objects without a field.
func dropEmpty(value any) {
	switch value := value.(type) {
	case map[string]any:
		for key, inner := range value {
			dropEmpty(inner)
			if fields, ok := inner.(map[string]any); inner == nil || ok && len(fields) == 0 {
				delete(value, key)
			}
		}
	case []any:
		for _, inner := range value {
			dropEmpty(inner)
		}
	}
}
