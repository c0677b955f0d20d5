package htmlform

import (
	"net/url"
	"testing"
)

// TestIsSafe checks pages that are only shown, and pages whose names stand for an action. The first of both were observed in
// public scripts, the rest is made up.
func TestIsSafe(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{
		"WEBM_Admin_Identity": true, "WEBM_Admin_IpConfiguration": true, "WEBM_Admin_Registration": true, "WEBM_Admin_SipInterface": true,
		"WEBM_Admin_DateAndTime": true, "WEBM_Admin_SecureShell": true, "WEBM_Admin_LLDP_TLV": true, "WEBM_Admin_WSI": true,
		"WEBM_Admin_FileTransferLdap": true, "WEBM_Admin_Logo": true, "PhoneInformation": true, "phoneinformation": true, "Settings": true,
		"ScreenSaver": true, "Software": true, "UpgradeUsingFile": true, "Offset": true, "Download": true, "Domain": true,

		"WEBM_Admin_Restart": false, "WEBM_Admin_FactoryReset": false, "LoadDefaults": false, "Restore": false, "SoftwareUpgradeStart": false,
		"Shutdown": false, "PowerOff": false, "Initialise": false, "initialize": false, "Halt": false, "Apply": false, "DisableWebAccess": false,
		"EnableTrace": false, "FormatFlash": false, "Abort": false, "Remove": false, "DeleteAll": false, "Reboot": false, "ColdBoot": false,
		"Erase": false, "Clear": false, "WipeData": false, "Logout": false, "LogOff": false, "TurnOff": false, "UpgradeNow": false, "Cancel": false,
		"StopUpgrade": false, "ActivateSoftware": false, "RunTest": false, "DoUpgrade": false, "Save": false, "InstallSoftware": false,
	} {
		for _, u := range []url.URL{
			{Path: "/page.cmd", RawQuery: "lang=en&page=" + name},
			{Path: "/page.cmd", RawQuery: "page=x&tab=" + name},
			{Path: "/page.cmd", RawQuery: "menu=" + name},
			{Path: "/" + name + ".html"},
			{Path: "/" + name + "/"},
		} {
			if got := IsSafe(&u); got != want {
				t.Errorf("%s: %t", u.String(), got)
			}
		}
	}
}
