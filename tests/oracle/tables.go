package main

import (
	"fmt"
	"strings"
	"unicode"
)

// unicodeTables answers Go's Unicode version, the code points where membership of IsLetter and of
// IsPrint changes, and every code point that folds to another, with that other. ASCII is left out.
func unicodeTables([]string) []string {
	var folds []string
	for c := rune(0x80); c <= unicode.MaxRune; c++ {
		if least := fold(c); least != c {
			folds = append(folds, fmt.Sprintf("%d=%d", c, least))
		}
	}
	list := func(edges []rune) string { return strings.Trim(fmt.Sprint(edges), "[]") }
	return []string{
		unicode.Version, list(edges(unicode.IsLetter)), list(edges(unicode.IsPrint)),
		strings.Join(folds, " "),
	}
}

func edges(holds func(rune) bool) (found []rune) {
	inside := false
	for c := rune(0x80); c <= unicode.MaxRune+1; c++ {
		if (c <= unicode.MaxRune && holds(c)) != inside {
			inside = !inside
			found = append(found, c)
		}
	}
	return found
}

// fold is the least code point of c's orbit under unicode.SimpleFold.
func fold(c rune) rune {
	least := c
	for other := unicode.SimpleFold(c); other != c; other = unicode.SimpleFold(other) {
		least = min(least, other)
	}
	return least
}

const head = `//! Tables of Unicode %s, made by ` + "`go run . tables`" + ` in tests/oracle: do not edit.
//!
//! Numbers are written in groups of seven bits, the lowest first, with the high bit set where
//! another group follows. ` + "`LETTERS` and `PRINTED`" + ` are the distances between the code points where
//! membership changes, from 0 on; they leave ASCII out. ` + "`FOLDS`" + ` are runs of code points that fold
//! at the same distance: the gap since the last run's end, twice the count and 1 where only every
//! other code point is in the run, the distance down to the folded one.
`

func printTables() {
	fmt.Printf(head, unicode.Version)
	printNumbers("Where General_Category L begins and ends (Go's `unicode.IsLetter`).", "LETTERS", distances(edges(unicode.IsLetter)))
	printNumbers("Where Go's `unicode.IsPrint` begins and ends to hold.", "PRINTED", distances(edges(unicode.IsPrint)))
	printNumbers("The least code point of each orbit of Go's `unicode.SimpleFold`.", "FOLDS", runs())
}

func distances(edges []rune) (found []rune) {
	last := rune(0)
	for _, edge := range edges {
		found = append(found, edge-last)
		last = edge
	}
	return found
}

func runs() (found []rune) {
	type run struct{ first, last, stride, distance, count rune }
	var all []run
	for c := rune(0x80); c <= unicode.MaxRune; c++ {
		distance := c - fold(c)
		if distance == 0 {
			continue
		}
		if len(all) > 0 {
			last := &all[len(all)-1]
			gap := c - last.last
			if last.distance == distance && gap <= 2 && (last.count == 1 || last.stride == gap) {
				last.stride, last.last, last.count = gap, c, last.count+1
				continue
			}
		}
		all = append(all, run{c, c, 1, distance, 1})
	}
	end := rune(0)
	for _, run := range all {
		found = append(found, run.first-end, run.count*2+run.stride-1, run.distance)
		end = run.last
	}
	return found
}

func printNumbers(doc, name string, numbers []rune) {
	fmt.Printf("\n/// %s\n#[rustfmt::skip]\npub const %s: &[u8] = &[", doc, name)
	line := ""
	for _, number := range numbers {
		for {
			text := fmt.Sprintf("%d,", number&0x7f)
			if number >= 0x80 {
				text = fmt.Sprintf("%d,", number&0x7f|0x80)
			}
			if len(line)+len(text) > 95 {
				fmt.Print("\n    ", line)
				line = ""
			}
			line += text
			number >>= 7
			if number == 0 {
				break
			}
		}
	}
	fmt.Print("\n    ", line, "\n];\n")
}
