package settings

// A Store is where settings are stored on this machine.
type Store struct {
	Folder    string // folder of stored settings, "" if the system has none
	FolderErr error  // why the settings folder is unknown

	ConfigFlag     string // settings file of --config
	ConfigVariable string // settings file of $CPUPDATE_CONFIG
}
