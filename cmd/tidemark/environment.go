package main

import (
	"regexp"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// serviceLinks are variables that Kubernetes gives to every container beside
// services that are called tidemark, tidemark-ops and the like.
var serviceLinks = regexp.MustCompile(`^TIDEMARK_([A-Z0-9_]+_)?(SERVICE_HOST|SERVICE_PORT(_.*)?|PORT(_[0-9]+_(TCP|UDP).*)?)$`)

// unheededVariables are names that serve tells of in its log.
type unheededVariables []string

// unheeded returns the variables of an environment that have the name of a flag
// of ours and are none: mostly mistyped, and a setting that is not heeded is not
// to go unseen.
func unheeded(root *kong.Node, environ []string) unheededVariables {
	known := map[string]bool{}
	for _, flag := range flagsOf(root) {
		for _, name := range flag.Envs {
			known[name] = true
		}
	}
	var names unheededVariables
	for _, variable := range environ {
		name, _, _ := strings.Cut(variable, "=")
		if strings.HasPrefix(name, "TIDEMARK_") && !known[name] && !serviceLinks.MatchString(name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// flagsOf lists the flags of a command and of all commands below it.
func flagsOf(node *kong.Node) []*kong.Flag {
	flags := slices.Clone(node.Flags)
	for _, child := range node.Children {
		flags = append(flags, flagsOf(child)...)
	}
	return flags
}
