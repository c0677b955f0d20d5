// Package fleet updates phones, one or thousands of them: each phone gets a contact request, calls back and says what it is,
// is checked, gets the update command, and is followed until it reports the new version itself. A plan without an image only
// queries the phones, or examines their web pages.
//
// Each phone is a state machine of its own. Its steps are events; how it ended is a [Result]. Nothing but the version that
// the phone reports is success.
//
// # What ends a run
//
// A phone may be silent for [Options.Patience], and each step forward begins that anew. So that no phone holds a run for
// ever, the steps are limited: accepting the update, reporting on it, going down and coming back count once; a fetch makes
// at most 256 steps by its bytes (as many parts of the image) and 16 by requests; and six patiences after the update command
// no step leads any further: the phone is queried once more, and that is its end. To call again is no step. A phone that is
// busy has one patience from the first time that it says so, and may say it no more than eight times a contact request.
//
// By a phone's own web page an upload makes at most as many steps by its bytes, and has six patiences too; no page may be
// silent for longer than [Web.Timeout], the route to the form has one patience, and a phone whose page refuses the image is
// watched for [Options.RefusalWatch]. By its transfer form a phone fetches as above, and the page's answer is one step more.
// Before and after that the same holds.
//
// # What a liar can do
//
// In default mode phones do not log in, and whoever sends from a phone's address can speak for it. A liar can make a run
// fail: by refusing the update, ending the conversation, or reporting another MAC address; and can have the update command
// sent again to a phone that did not fetch yet, by saying that it is busy. The version in a lie is not believed before the
// image was requested, where the source sees that, and only a phone that got the command knows where the image is; a version
// that the phone may have run before is not believed before the whole image was fetched and the phone was seen to restart.
// From a source that is not watched, and from a phone that fetched, the report of the phone is all there is: only secure
// mode would be more.
//
// A web page is known by its key. What it says of its phone counts where the phone does not call back, and its answer to an
// image counts nowhere; whoever has the key can report any version.
//
// The protocols are those of packages wpi, wbm and serve; whether an image is compatible is decided by package hwcheck.
package fleet
