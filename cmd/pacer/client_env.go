package main

import (
	"errors"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v4"
)

// bindEnv gives every flag of the command a twin in the environment (--data-dir is
// PACER_DATA_DIR) and in the YAML file that --config names. A flag beats the
// variable, the variable beats the file. An empty variable is as good as none. Wrong
// usage of the command ends with an exitError.
func bindEnv(cmd *cobra.Command) {
	cmd.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		if errors.Is(err, pflag.ErrHelp) {
			return err
		}
		return misuse(cmd, err)
	})
	if judge := cmd.Args; judge != nil {
		cmd.Args = func(cmd *cobra.Command, args []string) error {
			if err := judge(cmd, args); err != nil {
				return misuse(cmd, err)
			}
			return nil
		}
	}
	if cmd.RunE == nil {
		return
	}
	config := cmd.Flags().String("config", "", "YAML file with flags: name: value")
	run := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := fillFlags(cmd, *config); err != nil {
			return err
		}
		return run(cmd, args)
	}
}

// otherNames is the annotation of a flag that names further variables, after its own.
const otherNames = "pacer_env"

func alsoFrom(f *pflag.Flag, variables ...string) {
	f.Annotations = map[string][]string{otherNames: variables}
}

// fillFlags sets the flags that the command line does not, from the environment and
// the file at path; where path is empty PACER_CONFIG names it, or nothing does.
func fillFlags(cmd *cobra.Command, path string) error {
	if path == "" {
		path = os.Getenv("PACER_CONFIG")
	}
	file, err := readConfig(path)
	if err != nil {
		return err
	}
	known := map[string]bool{}
	var problem error
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		known[f.Name] = true
		if f.Changed || f.Name == "help" || f.Name == "config" || problem != nil {
			return
		}
		values, source := file[f.Name], path+": "+f.Name
		if v, name := fromEnv(f); name != "" {
			values, source = []string{v}, name
			if f.Value.Type() == "stringArray" { // its values may hold commas
				values = strings.Fields(v)
			}
		}
		_, list := f.Value.(pflag.SliceValue)
		if len(values) > 1 && !list {
			problem = usageError("%s: --%s takes one value, not %d", source, f.Name, len(values))
			return
		}
		for _, v := range values {
			if err := f.Value.Set(v); err != nil {
				problem = usageError("%s: %q is no value for --%s: %v", source, v, f.Name, err)
				return
			}
			f.Changed = true
		}
	})
	if problem != nil {
		return problem
	}
	for name := range file {
		if !known[name] && !anywhere(cmd.Root(), name) {
			return &exitError{exitUsage, path + ": there is no flag --" + name, "names are those of the flags, without their dashes: data-dir: /var/lib/pacer"}
		}
	}
	return nil
}

// fromEnv is a flag's value in the environment and the variable that has it.
func fromEnv(f *pflag.Flag) (v, name string) {
	own := "PACER_" + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
	for _, name := range append([]string{own}, f.Annotations[otherNames]...) {
		if v := os.Getenv(name); v != "" {
			return v, name
		}
	}
	return "", ""
}

// anywhere reports whether any command has the flag: one file may serve several.
func anywhere(cmd *cobra.Command, name string) bool {
	if cmd.Flags().Lookup(name) != nil || cmd.PersistentFlags().Lookup(name) != nil {
		return true
	}
	for _, sub := range cmd.Commands() {
		if anywhere(sub, name) {
			return true
		}
	}
	return false
}

// readConfig reads values as they are written: 010 and 1.50 stay what they are.
func readConfig(path string) (map[string][]string, error) {
	if path == "" {
		return nil, nil
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, usageError("--config: %v", err)
	}
	var doc map[string]yaml.Node
	if err := yaml.Unmarshal(raw, &doc); err != nil {
		return nil, usageError("--config %s: %v", path, err)
	}
	out := map[string][]string{}
	for name, value := range doc {
		items := []*yaml.Node{&value}
		if value.Kind == yaml.SequenceNode {
			items = value.Content
		}
		for _, item := range items {
			if item.Kind != yaml.ScalarNode {
				return nil, usageError("--config %s: line %d: %s is neither a value nor a list of values", path, item.Line, name)
			}
			if item.Tag != "!!null" {
				out[name] = append(out[name], item.Value)
			}
		}
	}
	return out, nil
}
