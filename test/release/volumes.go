package release

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// dataLink is the link by which a kubelet changes all files of a volume at once: the files are links through it.
const dataLink = "..data"

// volume is a volume of a Secret, in a folder.
type volume struct{ name, secret, dir string }

// mount makes the folders of a pod's volumes, and says which folder stands for which path of the container.
func (r *Release) mount(ctx context.Context, spec *corev1.PodSpec, container *corev1.Container, dir string) (volumes []volume, mounts map[string]string, err error) {
	byName := map[string]volume{}
	for _, stated := range spec.Volumes {
		if stated.Secret == nil || len(stated.Secret.Items) > 0 {
			return nil, nil, fmt.Errorf("volume %s is not a whole Secret", stated.Name)
		}
		v := volume{name: stated.Name, secret: stated.Secret.SecretName, dir: filepath.Join(dir, stated.Name)}
		if err := os.MkdirAll(v.dir, 0o700); err != nil {
			return nil, nil, fmt.Errorf("volume %s: %w", v.name, err)
		}
		if err := r.refresh(ctx, v); err != nil {
			return nil, nil, err
		}
		byName[v.name] = v
		volumes = append(volumes, v)
	}
	mounts = map[string]string{}
	for _, mount := range container.VolumeMounts {
		v, ok := byName[mount.Name]
		if !ok || mount.SubPath != "" {
			return nil, nil, fmt.Errorf("container %s mounts volume %s in a way that nobody here knows", container.Name, mount.Name)
		}
		mounts[mount.MountPath] = v.dir
	}
	return volumes, mounts, nil
}

// RefreshVolumes brings the files of all pods up to date with their Secrets, as kubelets do about once a minute.
func (r *Release) RefreshVolumes(ctx context.Context) error {
	r.mu.Lock()
	pods := r.pods
	r.mu.Unlock()
	for _, pod := range pods {
		for _, v := range pod.volumes {
			if err := r.refresh(ctx, v); err != nil {
				return err
			}
		}
	}
	return nil
}

// refresh writes the files into a new folder and moves the link to it, so that nobody sees the certificate of one and the key of another.
func (r *Release) refresh(ctx context.Context, v volume) error {
	secret := &corev1.Secret{}
	if err := r.Kube.Get(ctx, client.ObjectKey{Namespace: Namespace, Name: v.secret}, secret); err != nil {
		return fmt.Errorf("volume %s: %w", v.name, err)
	}
	present, err := os.MkdirTemp(v.dir, "..present-")
	if err != nil {
		return fmt.Errorf("volume %s: %w", v.name, err)
	}
	for key, content := range secret.Data {
		if err := os.WriteFile(filepath.Join(present, key), content, 0o600); err != nil {
			return fmt.Errorf("volume %s: %w", v.name, err)
		}
		link := filepath.Join(v.dir, key)
		if err := os.Symlink(filepath.Join(dataLink, key), link); err != nil && !os.IsExist(err) {
			return fmt.Errorf("volume %s: %w", v.name, err)
		}
	}
	next := filepath.Join(v.dir, dataLink+"-next")
	if err := os.Symlink(filepath.Base(present), next); err != nil {
		return fmt.Errorf("volume %s: %w", v.name, err)
	}
	old, _ := os.Readlink(filepath.Join(v.dir, dataLink))
	if err := os.Rename(next, filepath.Join(v.dir, dataLink)); err != nil {
		return fmt.Errorf("volume %s: %w", v.name, err)
	}
	if old == "" {
		return nil
	}
	return os.RemoveAll(filepath.Join(v.dir, old))
}
