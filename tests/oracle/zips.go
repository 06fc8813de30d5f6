package main

import (
	"archive/zip"
	"bytes"
	"io"
	"io/fs"
	"log"
	"os"
	"strings"

	"golang.org/x/mod/module"
	"golang.org/x/mod/sumdb/dirhash"
	modzip "golang.org/x/mod/zip"
)

// checkZip takes a path, a version and a zip. It answers whether the zip is accepted and can be
// read to its end, its hash, and what is wrong with it, one line a problem.
func checkZip(args []string) []string {
	name := temporary(args[2])
	defer os.Remove(name)
	checked, err := modzip.CheckZip(module.Version{Path: args[0], Version: args[1]}, name)
	var problems []string
	for _, problem := range checked.Invalid {
		problems = append(problems, problem.Error())
	}
	hash := ""
	if err == nil {
		hash, err = dirhash.HashZip(name, dirhash.Hash1)
	}
	return []string{ok(err), hash, strings.Join(problems, "\n"), text(err)}
}

// createZip takes a path, a version, the module's folder in the archive, the repository's root
// folder, and a source archive. It answers as checkZip does, of the zip that it makes.
func createZip(args []string) []string {
	source, err := zip.NewReader(strings.NewReader(args[4]), int64(len(args[4])))
	if err != nil {
		return []string{"no", "", "", text(err)}
	}
	var files []modzip.File
	var license modzip.File
	for _, f := range source.File {
		if f.Name == args[3]+"LICENSE" {
			license = zipFile{"LICENSE", f, 0}
		}
	}
	for _, f := range source.File {
		if path, found := strings.CutPrefix(f.Name, args[2]); found && !strings.HasSuffix(path, "/") {
			files = append(files, zipFile{path, f, f.Mode()})
			if path == "LICENSE" {
				license = nil
			}
		}
	}
	if license != nil {
		files = append(files, license)
	}
	checked, _ := modzip.CheckFiles(files)
	var problems []string
	for _, problem := range checked.Invalid {
		problems = append(problems, problem.Error())
	}
	made := &bytes.Buffer{}
	hash := ""
	err = modzip.Create(made, module.Version{Path: args[0], Version: args[1]}, files)
	if err == nil {
		name := temporary(made.String())
		defer os.Remove(name)
		hash, err = dirhash.HashZip(name, dirhash.Hash1)
	}
	return []string{ok(err), hash, strings.Join(problems, "\n"), text(err)}
}

// zipFile is a file of a source archive under its path within the module.
type zipFile struct {
	path string
	file *zip.File
	mode fs.FileMode
}

func (f zipFile) Path() string                 { return f.path }
func (f zipFile) Lstat() (fs.FileInfo, error)  { return fileInfo{f.file.FileInfo(), f.mode}, nil }
func (f zipFile) Open() (io.ReadCloser, error) { return f.file.Open() }

// fileInfo is a file's with another mode.
type fileInfo struct {
	fs.FileInfo
	mode fs.FileMode
}

func (i fileInfo) Mode() fs.FileMode { return i.mode }
func (i fileInfo) IsDir() bool       { return i.mode.IsDir() }

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func temporary(content string) string {
	file, err := os.CreateTemp("", "oracle-*.zip")
	if err == nil {
		_, err = file.WriteString(content)
	}
	if err == nil {
		err = file.Close()
	}
	if err != nil {
		log.Fatal(err)
	}
	return file.Name()
}
