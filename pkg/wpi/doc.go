// Package wpi speaks the phones' provisioning interface (WPI, also called DLS protocol), in both directions.
//
// A phone is asked with a small HTTP request to call ([Contact]). It calls back by HTTPS and says what it is and runs; what
// it is to do is the answer to its call ([Service]). Messages are XML: a phone sends a [PhoneMessage], and is answered with a
// [ServiceMessage].
//
// The interface is published: "OpenStage / OpenScape Desk Phone IP Provisioning Interface, Developer's Guide",
// A31003-S2000-R102-16-7620, 02/2016, here called the guide. It is about SIP phones of the OpenStage and Desk Phone IP
// families; that CP phones speak it too was observed by others (Pentagrid's advisory of 2023-12-11: CP210, CP400, CP710).
// What the guide does not say is marked observed or assumed. docs/wpi.md tells it as a whole.
//
// The package moves no file and knows nothing of images.
package wpi
