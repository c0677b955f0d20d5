// Package report says what a rollout did: as text, JSON, CSV, JUnit XML, and as one HTML page. All of them show one [Report], so
// they agree. It reads no clock, no file and no network.
//
// Texts in a report come from phones, lists and people. A report bounds them; every form escapes them.
package report
