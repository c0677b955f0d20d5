package settings

// A Store is where settings are stored on this machine.
type Store struct {
	Folder    string // folder of stored settings, "" if the system names none
	FolderErr error  // why it names none

	ConfigFlag     string // settings file of --config
	ConfigVariable string // that of $CPUPDATE_CONFIG
}
