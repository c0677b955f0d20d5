// Package wbm upgrades a phone by the phone's own web page, as a careful person would: it logs in, looks for the form that takes a
// file for the phone application, fills it in as it stands, sends it, reads the answer and logs out. Or it does so with the form
// that makes the phone fetch the file from a server.
//
// The names of that page and of its fields are not public. How the pages are reached, and the three login forms, were
// observed in public programs. So everything is read from the live page, and what is not understood is refused with an
// [*Error]: a form that leads to another host, two forms that might be meant, an unknown login form.
//
// Nothing here decides whether the image suits the phone, or whether it was installed: a page that says "ok" proves nothing.
package wbm
