package main

import (
	"fmt"
	goversion "go/version"
	"strconv"
	"time"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"
	"golang.org/x/mod/semver"
)

func path(args []string) []string {
	p := args[0]
	prefix, major, valid := module.SplitPathVersion(p)
	escaped, _ := module.EscapePath(p)
	unescaped, _ := module.UnescapePath(p)
	return []string{
		ok(module.CheckPath(p)), ok(module.CheckImportPath(p)), ok(module.CheckFilePath(p)),
		yes(valid), prefix, major, escaped, unescaped,
	}
}

func version(args []string) []string {
	v := args[0]
	unescaped, _ := module.UnescapeVersion(v)
	stamp := ""
	if t, err := module.PseudoVersionTime(v); err == nil {
		stamp = t.Format(time.RFC3339)
	}
	rev, _ := module.PseudoVersionRev(v)
	base, err := module.PseudoVersionBase(v)
	return []string{
		yes(semver.IsValid(v)), semver.Canonical(v), semver.Major(v), semver.MajorMinor(v),
		semver.Prerelease(v), semver.Build(v), module.CanonicalVersion(v), unescaped,
		yes(module.IsPseudoVersion(v)), yes(module.IsZeroPseudoVersion(v)),
		stamp, rev, ok(err), base,
	}
}

func compare(args []string) []string {
	return []string{strconv.Itoa(semver.Compare(args[0], args[1]))}
}

func check(args []string) []string {
	return []string{ok(module.Check(args[0], args[1]))}
}

func pseudo(args []string) []string {
	seconds, _ := strconv.ParseInt(args[2], 10, 64)
	return []string{module.PseudoVersion(args[0], args[1], time.Unix(seconds, 0), args[3])}
}

func timestamp(args []string) []string {
	t, err := time.Parse(time.RFC3339, args[0])
	t = t.UTC()
	if err != nil || t.Year() < 0 || t.Year() > 9999 {
		return []string{"no", ""}
	}
	return []string{"yes", t.Format(time.RFC3339Nano)}
}

func goMod(args []string) []string {
	text := []byte(args[0])
	lax, vers := "", ""
	file, err := modfile.ParseLax("go.mod", text, nil)
	if err == nil && file.Module != nil {
		lax = file.Module.Mod.Path
	}
	if err == nil && file.Go != nil {
		vers = file.Go.Version
	}
	is124 := goversion.Compare(goversion.Lang("go"+vers), "go1.24") >= 0
	return []string{modfile.ModulePath(text), lax, vers, yes(is124), fmt.Sprint(err)}
}
