#!/usr/bin/env bash
# Generates everything that follows from api/v1alpha1: deepcopy functions, CRDs, the chart's copies of these, the pages of kinds, and apply
# configurations.
# The chart's copies of config/admission are made here too.
# Running it twice changes nothing. controller-gen is pinned, with all that it depends on, in hack/tools/go.mod and go.sum.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

controller_gen() { go tool -modfile=hack/tools/go.mod controller-gen "$@"; }

# The apply configurations import the types, and the types must compile without them, so they are made last. What a removed kind
# left behind would stay, so the generated folders are emptied first.
rm -f config/crd/bases/*.yaml
rm -rf api/v1alpha1/applyconfiguration
controller_gen object crd paths=./api/v1alpha1 output:crd:artifacts:config=config/crd/bases
controller_gen applyconfiguration paths=./api/v1alpha1

# The chart carries the CRDs and the admission policies as data: Helm cannot read files outside of a chart.
rm -rf charts/scim-operator/files
mkdir -p charts/scim-operator/files/{crds,admission}
cp config/crd/bases/*.yaml charts/scim-operator/files/crds/
cp config/admission/*.yaml charts/scim-operator/files/admission/
rm charts/scim-operator/files/admission/kustomization.yaml

rm -rf docs/kinds
go run ./hack/kinds config/crd/bases docs/kinds

# PROJECT is kept by hand, because the layout has no scaffold that fits it; what it says must still be true.
kinds_of_project() { sed -n 's/^  kind: //p' PROJECT | sort; }
kinds_of_crds() { sed -n 's/^    kind: //p' config/crd/bases/*.yaml | sort; }
if ! diff <(kinds_of_project) <(kinds_of_crds); then
	echo "PROJECT and config/crd/bases do not list the same kinds (< PROJECT, > CRDs): edit PROJECT" >&2
	exit 1
fi
