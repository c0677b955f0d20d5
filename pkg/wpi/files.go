package wpi

import "strings"

// A File is what a phone says of one file that it was to fetch (the guide, p. 54). "" is what it leaves out.
type File struct {
	Name   string
	Type   string // such as "APP" or "LOGO"
	Status string // "ok", "failed", or another word: the set is open (observed: a service takes any other word for failed)
}

// Files returns what a status message says of files, in the order in which they occur. The items of one file have the same
// index (observed: a service reads them so). If an index occurs several times, its second name goes with its second status
// (assumed).
func (m *PhoneMessage) Files() []File {
	type place struct {
		index string
		n     int
	}
	var files []File
	at := map[place]int{}
	counts := map[[2]string]int{} // how often an item occurred with an index
	for _, i := range m.Items {
		name := strings.ToLower(i.Name)
		if name != ItemFileName && name != ItemFileType && name != ItemFileStatus {
			continue
		}
		key := place{i.Index, counts[[2]string{i.Index, name}]}
		counts[[2]string{i.Index, name}]++
		n, found := at[key]
		if !found {
			n, at[key] = len(files), len(files)
			files = append(files, File{})
		}
		if i.Status != "" {
			continue // it has no value
		}
		switch name {
		case ItemFileName:
			files[n].Name = i.Value
		case ItemFileType:
			files[n].Type = i.Value
		default:
			files[n].Status = i.Value
		}
	}
	return files
}
