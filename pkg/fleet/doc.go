// Package fleet takes phones from where they are to where they should be, one or thousands of them: each is asked to
// call, says what it is, is checked, is told where its new software lies, and is followed until it reports the new version
// itself. A plan without an image only looks.
//
// Each phone is a state machine of its own. Its steps are events; how it ended is a [Result]. Nothing but the version that
// the phone reports is success.
//
// # What ends a run
//
// A phone may be silent for [Options.Patience], and each step forward begins that anew. So that no phone holds a run for
// ever, the steps are numbered: accepting the update, reporting on it, going away and coming back count once; a fetch makes
// at most 256 steps by its bytes (as many parts of the image) and 16 by asking for it; and six patiences after a phone was told
// no step leads any further: it is asked once more what it runs, and that is its end. To call again is no step. A phone
// that is busy has one patience from the first time that it says so, and is asked no more than eight times a contact.
//
// By a phone's own web page an upload makes at most as many steps by its bytes, and has six patiences too; no page may be
// silent for longer than [Web.Timeout], the way to the form has one patience, and a phone whose page refuses the image is
// watched for [Options.Doubt]. Before and after that the same holds.
//
// # What a liar can do
//
// In default mode phones do not log in, and whoever sends from a phone's address can speak for it. He can make a run fail:
// by refusing the update, ending the conversation, or saying another MAC address; and have a phone told again that did not
// fetch yet, by saying that it is busy. What he says of the version is not believed before the image was asked for, where
// the source sees that, and only who was told knows where it is; of a version that the phone may have run before, not before
// the whole image was fetched and the phone was seen to restart. From a source that is not watched, and from a phone that
// fetched, its word is all there is: only secure mode would be more.
//
// A web page is known by its key. What it says of its phone counts where the phone does not call, and what it says to an
// image counts nowhere; whoever has the key can report any version.
//
// What happens on the wire is the business of packages wpi, wbm and transfer; whether an image fits is that of hwcheck.
package fleet
