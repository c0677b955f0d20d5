package main

import (
	"cmp"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/knownhosts"
	"github.com/cpupdate/cpupdate/pkg/bind"
)

// Limits of completion: somebody waits with a finger on the key.
const (
	maxCompletions   = 1000
	maxImagesLooked  = 256
	maxFolderEntries = 10_000
	completionLimit  = time.Second
)

// completeImages offers images that can be read, with what they are, and folders to go down into. With anyFile other
// files are offered too, and said nothing of. Not more than most arguments are images; 0 is no limit.
func completeImages(a *app, most int, anyFile bool) cobra.CompletionFunc {
	return func(_ *cobra.Command, given []string, typed string) ([]string, cobra.ShellCompDirective) {
		if most > 0 && len(given) >= most {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		c := &imageCompletion{open: a.open, anyFile: anyFile, end: time.Now().Add(completionLimit)}
		c.folder, c.prefix = filepath.Split(typed)
		for _, entry := range c.entries() {
			c.offer(entry)
		}
		directive := cobra.ShellCompDirectiveNoFileComp
		if c.folders == len(c.offers) {
			directive |= cobra.ShellCompDirectiveNoSpace // there is more to be typed
		}
		return c.offers, directive
	}
}

// An imageCompletion looks through one folder.
type imageCompletion struct {
	open           func(name string) (*bind.File, error)
	anyFile        bool
	end            time.Time
	folder, prefix string
	looked         int
	offers         []string
	folders        int
}

// entries are the names in the folder that begin as typed, in their order.
func (c *imageCompletion) entries() []fs.DirEntry {
	folder, err := os.Open(cmp.Or(c.folder, "."))
	if err != nil {
		return nil
	}
	defer folder.Close()
	var all []fs.DirEntry
	for len(all) < maxFolderEntries && time.Now().Before(c.end) {
		some, err := folder.ReadDir(256)
		all = append(all, some...)
		if err != nil || len(some) == 0 {
			break
		}
	}
	all = slices.DeleteFunc(all, func(e fs.DirEntry) bool { return !c.matches(e.Name()) })
	slices.SortFunc(all, func(x, y fs.DirEntry) int { return strings.Compare(x.Name(), y.Name()) })
	return all
}

// matches reports whether a name may be offered. One that does not print cannot be: the shell gets names by the line,
// and shows them on the terminal.
func (c *imageCompletion) matches(name string) bool {
	hidden := strings.HasPrefix(name, ".") && !strings.HasPrefix(c.prefix, ".")
	return strings.HasPrefix(name, c.prefix) && !hidden && utf8.ValidString(name) &&
		!strings.ContainsFunc(name, func(r rune) bool { return !bind.Prints(r) })
}

// offer offers a folder, or an image that can be read.
func (c *imageCompletion) offer(entry fs.DirEntry) {
	if len(c.offers) == maxCompletions || time.Now().After(c.end) {
		return
	}
	path := c.folder + entry.Name()
	if strings.HasPrefix(path, "-") {
		path = "." + string(filepath.Separator) + path // which is no flag, and not standard input
	}
	info, err := os.Stat(path)
	switch {
	case err != nil:
	case info.IsDir():
		c.folders++
		c.offers = append(c.offers, path+string(filepath.Separator))
	case info.Mode().IsRegular() && info.Size() > 0 && c.looked < maxImagesLooked:
		c.looked++
		if text, ok := c.describe(path); ok {
			c.offers = append(c.offers, strings.TrimSuffix(path+"\t"+text, "\t"))
		}
	}
}

// describe says in a few words what an image is, from its header alone.
func (c *imageCompletion) describe(path string) (text string, ok bool) {
	f, err := c.open(path)
	if err != nil {
		beside := strings.HasSuffix(path, bind.DescriptorSuffix) || strings.HasSuffix(path, bind.SignatureSuffix)
		return "", c.anyFile && !beside
	}
	defer f.Close()
	facts := f.Facts()
	var words []string
	if facts.SoftwareType.Known() {
		words = append(words, knownhosts.CertificateText(facts.SoftwareType.Value))
	}
	if facts.Version.Known() {
		words = append(words, facts.Version.Value.String())
	}
	text = strings.Join(words, " ")
	if facts.Levels.Known() {
		text += ", levels " + facts.Levels.Value.String()
	}
	return strings.TrimPrefix(text, ", "), true
}
