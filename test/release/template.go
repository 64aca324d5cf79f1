package release

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/scim-operator/scim-operator/test/apiserver/controlplane"
)

const loopback = "127.0.0.1"

// listening is an argument that says on which port of all addresses to listen.
var listening = regexp.MustCompile(`^(--[a-z-]+=):([0-9]+)$`)

// listen gives every port of a container a free one of loopback, by the number that the container states.
func listen(container *corev1.Container) (map[int32]string, error) {
	free, err := controlplane.FreePorts(len(container.Ports))
	if err != nil {
		return nil, err
	}
	addresses := map[int32]string{}
	for i, port := range container.Ports {
		addresses[port.ContainerPort] = loopback + ":" + strconv.Itoa(free[i])
	}
	return addresses, nil
}

// arguments are those of the container, with addresses and folders replaced. Every port that the container states must be one that it
// is told to listen on, and the other way round.
func arguments(container *corev1.Container, addresses map[int32]string, mounts map[string]string) ([]string, error) {
	if len(container.Command) > 0 {
		return nil, fmt.Errorf("container %s has a command of its own: %v", container.Name, container.Command)
	}
	told := map[int32]bool{}
	args := make([]string, 0, len(container.Args))
	for _, arg := range container.Args {
		for mountPath, dir := range mounts {
			if at := strings.Index(arg, "="+mountPath+"/"); at >= 0 {
				arg = arg[:at+1] + filepath.Join(dir, strings.TrimPrefix(arg[at+1:], mountPath))
			}
		}
		if found := listening.FindStringSubmatch(arg); found != nil {
			port, err := strconv.ParseInt(found[2], 10, 32)
			if err != nil {
				return nil, fmt.Errorf("argument %s: %w", arg, err)
			}
			address, ok := addresses[int32(port)]
			if !ok {
				return nil, fmt.Errorf("argument %s: container %s states no such port", arg, container.Name)
			}
			told[int32(port)] = true
			arg = found[1] + address
		}
		args = append(args, arg)
	}
	for _, port := range container.Ports {
		if !told[port.ContainerPort] {
			return nil, fmt.Errorf("no argument tells container %s to listen on its port %s (%d)", container.Name, port.Name, port.ContainerPort)
		}
	}
	return args, nil
}

// environment resolves the variables of a container as a kubelet does.
func environment(container *corev1.Container, podName string) ([]string, error) {
	if len(container.EnvFrom) > 0 {
		return nil, fmt.Errorf("container %s has envFrom", container.Name)
	}
	var env []string
	for _, variable := range container.Env {
		value := variable.Value
		if from := variable.ValueFrom; from != nil {
			switch {
			case from.FieldRef != nil && from.FieldRef.FieldPath == "metadata.namespace":
				value = Namespace
			case from.FieldRef != nil && from.FieldRef.FieldPath == "metadata.name":
				value = podName
			case from.FieldRef != nil && from.FieldRef.FieldPath == "status.podIP":
				value = loopback
			case from.ResourceFieldRef != nil && from.ResourceFieldRef.Resource == "limits.memory":
				value = strconv.FormatInt(container.Resources.Limits.Memory().Value(), 10)
			default:
				return nil, fmt.Errorf("container %s: nobody here knows where variable %s comes from", container.Name, variable.Name)
			}
		}
		env = append(env, variable.Name+"="+value)
	}
	return env, nil
}

// portOf is the address of a port that is given by its name or number.
func portOf(container *corev1.Container, addresses map[int32]string, port string) (string, error) {
	for _, stated := range container.Ports {
		if stated.Name == port || strconv.Itoa(int(stated.ContainerPort)) == port {
			return addresses[stated.ContainerPort], nil
		}
	}
	return "", fmt.Errorf("container %s has no port %s", container.Name, port)
}
