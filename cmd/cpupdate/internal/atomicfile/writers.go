package atomicfile

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
)

// CheckWriters refuses a file, or a folder, if another user than this one and root can change it or put another one in its
// place: by its owner, its mode, or those of a folder that leads to it. What is the name for it in the error. Only the part of
// the path that exists is checked. On Windows nothing is checked: there the permissions of the folders protect the file.
func CheckWriters(what, path string) error {
	faults, err := othersWho(path)
	if err != nil {
		return exit.New(exit.CodeSettings, fmt.Errorf("%s %s: %w", what, path, exit.WithoutPath(err)), "use the full path of the file")
	}
	if len(faults) == 0 {
		return nil
	}
	var problems, commands []string
	slices.SortStableFunc(faults, func(a, b writerFault) int { return strings.Compare(b.command, a.command) }) // owners first
	for i, f := range faults {
		problems = append(problems, f.problem)
		if i == 0 || faults[i-1].command != f.command {
			commands = append(commands, f.command)
		}
		commands[len(commands)-1] += " " + exit.Word(f.path)
	}
	return exit.New(exit.CodeSettings, fmt.Errorf("%s %s: %s", what, path, strings.Join(problems, "; ")),
		"check that its content is right, then run: "+strings.Join(commands, " && "))
}

// A writerFault is a file or folder by which another user can change or replace a file.
type writerFault struct {
	path    string
	problem string
	command string // that mends it, without the path
}
