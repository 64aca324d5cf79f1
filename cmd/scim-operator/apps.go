package main

import (
	"fmt"
	"net/netip"
	"time"

	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/scim-operator/scim-operator/controllers/apps"
)

// apps says how accounts in apps are kept.
func (f *controllerFlags) apps(mgr ctrl.Manager) (apps.Options, error) {
	networks, err := parseNetworks(f.appNetworks)
	if err != nil {
		return apps.Options{}, err
	}
	return apps.Options{
		Openers:              openers(mgr.GetConfig()),
		AllowedNetworks:      networks,
		LocalUsersNamespaces: f.appLocalUsersNamespaces,
		Now:                  time.Now,
		Recorder:             mgr.GetEventRecorder("scim-operator-apps"),
	}, nil
}

func parseNetworks(texts []string) ([]netip.Prefix, error) {
	networks := make([]netip.Prefix, 0, len(texts))
	for _, text := range texts {
		network, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, fmt.Errorf("flag --app-allowed-networks: %q is no network such as 10.20.0.0/16", text)
		}
		networks = append(networks, network.Masked())
	}
	return networks, nil
}
