// Command oracle answers what golang.org/x/mod says of a path, a version, a go.mod file or a zip,
// so that tests can compare it with what src/module says.
//
// A question is a line of fields in hex, the first of which is its kind; the answer is a line of
// fields in hex. `oracle tables` prints src/module/unicode/tables.rs instead.
package main

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"log"
	"os"
	"strings"
)

var answers = map[string]func(args []string) []string{
	"path":    path,
	"version": version,
	"compare": compare,
	"check":   check,
	"pseudo":  pseudo,
	"time":    timestamp,
	"gomod":   goMod,
	"unicode": unicodeTables,
	"zip":     checkZip,
	"create":  createZip,
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == "tables" {
		printTables()
		return
	}
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 64<<20)
	out := bufio.NewWriter(os.Stdout)
	for in.Scan() {
		fields := strings.Split(in.Text(), " ")
		for i, field := range fields {
			plain, err := hex.DecodeString(field)
			if err != nil {
				log.Fatal(err)
			}
			fields[i] = string(plain)
		}
		answer := answers[fields[0]](fields[1:])
		for i, field := range answer {
			answer[i] = hex.EncodeToString([]byte(field))
		}
		fmt.Fprintln(out, strings.Join(answer, " "))
		out.Flush()
	}
	if err := in.Err(); err != nil {
		log.Fatal(err)
	}
}

// yes turns an outcome into a field.
func yes(ok bool) string {
	if ok {
		return "yes"
	}
	return "no"
}

// ok is yes where there is no error.
func ok(err error) string {
	return yes(err == nil)
}
