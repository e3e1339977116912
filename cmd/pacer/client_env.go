package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v3"
)

// bindEnv gives every flag of the command a twin in the environment (--data-dir is
// PACER_DATA_DIR) and in the YAML file that --config names. A flag beats the
// variable, the variable beats the file.
func bindEnv(cmd *cobra.Command) {
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

func fillFlags(cmd *cobra.Command, path string) error {
	if path == "" {
		path = os.Getenv("PACER_CONFIG")
	}
	file, err := readConfig(path)
	if err != nil {
		return err
	}
	var problem error
	known := map[string]bool{}
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		known[f.Name] = true
		if f.Changed || f.Name == "help" || f.Name == "config" {
			return
		}
		name := "PACER_" + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
		values, source := file[f.Name], path
		if v, set := os.LookupEnv(name); set {
			values, source = []string{v}, name
			if f.Value.Type() == "stringArray" {
				values = strings.Fields(v)
			}
		}
		for _, v := range values {
			if err := cmd.Flags().Set(f.Name, v); err != nil && problem == nil {
				problem = usageError("%s: %s: %v", source, f.Name, err)
			}
		}
	})
	for name := range file {
		if !known[name] && problem == nil && !anywhere(cmd.Root(), name) {
			problem = usageError("%s: there is no flag %s", path, name)
		}
	}
	return problem
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

func readConfig(path string) (map[string][]string, error) {
	if path == "" {
		return nil, nil
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, usageError("--config: %v", err)
	}
	var doc map[string]any
	if err := yaml.Unmarshal(raw, &doc); err != nil {
		return nil, usageError("--config %s: %v", path, err)
	}
	out := map[string][]string{}
	for name, value := range doc {
		if list, ok := value.([]any); ok {
			for _, v := range list {
				out[name] = append(out[name], fmt.Sprint(v))
			}
			continue
		}
		out[name] = []string{fmt.Sprint(value)}
	}
	return out, nil
}
