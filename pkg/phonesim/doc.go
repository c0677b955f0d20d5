// Package phonesim is a phone that exists only in memory: for tests, demonstrations and for trying a service out.
//
//	phone, err := phonesim.Start(phonesim.Config{
//		Listen: "127.0.0.1:0", DeviceType: "OpenScape Desk Phone CP600", MAC: "00:1A:E8:00:00:01",
//		Level: 3, SoftwareType: "Unify HFA", Version: bind.Version{Major: 1, Release: 4, Fix: 9},
//	})
//
// It listens on its contact port, calls back by HTTPS after a contact request, says what it is and runs, obeys, fetches images
// by FTP or HTTPS, and evaluates them itself: it shares no rule with the packages that it is to try. An image that is
// not compatible is dropped without a restart; one that is gets installed, and the phone is gone for a while and comes back
// with the new version.
//
// How phones talk is in the developer's guide A31003-S2000-R102-16-7620, here called the guide; how they choose what to
// install is in the administration manual A31003-C1000-M102 (p. 95). What they say to a deployment is not published: the
// phone is silent, as the guide draws it (p. 56), unless a fault says otherwise. [Faults] lists what else it can do, which
// is mostly what services have to live with.
//
// With Config.Web it has the phones' own web page as well: a browser can log in there and upload an image, or
// have the phone fetch one. What is publicly known of that page is said where it stands; the rest is assumed.
//
// It does not support FTP in active mode, and the account (ACCT) of an FTP login, which a phone may know. It keeps nothing
// that it fetched, and nothing on disk.
package phonesim
