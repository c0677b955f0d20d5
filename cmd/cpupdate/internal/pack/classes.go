package pack

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/settings"
	"github.com/cpupdate/cpupdate/pkg/bind"
	"github.com/cpupdate/cpupdate/pkg/hwcheck"
)

// addModels adds to the description the other models that take an image, which names only one of them. It returns a
// sentence about them, and about the models that may take it: where only a platform, the file name or an assumption
// says so, a person decides. It reads the hardware table only if the operator states no models.
func (o *DescribeOptions) addModels(ctx context.Context, store *settings.Store, d *bind.Description) (string, error) {
	if len(o.Stated.models) > 0 || d.Named.Value == "" {
		return "", nil
	}
	table, err := store.HardwareTable(ctx, o.Hardware)
	if err != nil {
		return "", err
	}
	classes := table.ClassesOf(d.Family, d.Named.Value)
	if len(classes) == 0 {
		return "", nil
	}
	named := fmt.Sprintf("the image names %s", d.Named.Value)
	if d.Named.Source == bind.FileName {
		named = fmt.Sprintf("the file name says %s", d.Named.Value)
	}
	class := classes[0]
	if len(d.Models) == 0 || class.Confidence == hwcheck.Assumed {
		return fmt.Sprintf("%s; phones of the models %s may take this image (%s): if they do, run describe again with %s",
			named, strings.Join(class.Models, ", "), class.Describe(), flagsOf(d, class)), nil
	}
	d.Models = union(class.Models, d.Models)
	text := fmt.Sprintf("%s; the descriptor states the models %s, because they take the same image (%s); to state others, use --model",
		named, strings.Join(d.Models, ", "), class.Describe())
	assumed := slices.IndexFunc(classes, func(c hwcheck.Class) bool { return c.Confidence == hwcheck.Assumed })
	if assumed < 0 {
		return text, nil
	}
	class = classes[assumed]
	return fmt.Sprintf("%s; the models %s may take it too (%s)", text, strings.Join(without(class.Models, d.Models...), ", "), class.Describe()), nil
}

// noteModels writes what addModels returned.
func noteModels(con *console.Console, name, text string) {
	if text != "" {
		con.Note("note", name, text)
	}
}

// flagsOf returns the flags that state the models of a class.
func flagsOf(d *bind.Description, class hwcheck.Class) string {
	models := "--model " + strings.Join(class.Models, ",")
	if d.Family == "" {
		return fmt.Sprintf("--family %q %s", class.Family, models)
	}
	return models
}

// union returns the texts of both lists, each once.
func union(a, b []string) []string { return append(slices.Clone(a), without(b, a...)...) }
