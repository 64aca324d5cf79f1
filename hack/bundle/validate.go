package main

import (
	"fmt"
	"io"
	"slices"

	"github.com/operator-framework/api/pkg/manifests"
	"github.com/operator-framework/api/pkg/validation"
	interfaces "github.com/operator-framework/api/pkg/validation/interfaces"
)

// validators are those of every bundle, those of OperatorHub, and those that look at objects and habits. The one that pulls the image is not among
// them.
var validators = append(append(interfaces.Validators{}, validation.DefaultBundleValidators...),
	validation.OperatorHubV2Validator, validation.StandardCapabilitiesValidator, validation.StandardCategoriesValidator,
	validation.ObjectValidator, validation.OperatorGroupValidator, validation.AlphaDeprecatedAPIsValidator, validation.GoodPracticesValidator)

// validate prints warnings, and fails on errors. It asks nobody: the validators look at the files alone.
func validate(dir string, out io.Writer) error {
	bundle, err := manifests.GetBundleFromDir(dir)
	if err != nil {
		return err
	}
	var failures, warnings []string
	for _, result := range validators.Validate(bundle.ObjectsToValidate()...) {
		for _, failure := range result.Errors {
			failures = append(failures, failure.Error())
		}
		for _, warning := range result.Warnings {
			warnings = append(warnings, warning.Error())
		}
	}
	failures, warnings = once(failures), once(warnings)
	for _, text := range append(failures, warnings...) {
		fmt.Fprintln(out, text)
	}
	fmt.Fprintf(out, "%s: %d errors and %d warnings of %d validators\n", bundle.Name, len(failures), len(warnings), len(validators))
	if len(failures) > 0 {
		return fmt.Errorf("the bundle has %d errors", len(failures))
	}
	return nil
}

// once leaves out what another validator has said already.
func once(texts []string) []string {
	slices.Sort(texts)
	return slices.Compact(texts)
}
