package hwcheck

import "github.com/cpupdate/cpupdate/pkg/bind"

// Intact evaluates the first rule, image-intact, which needs no phone.
func Intact(facts bind.Facts, policy Policy) Finding {
	in := facts.Integrity
	f := Finding{Rule: ImageIntact, Outcome: Pass, Image: Statement{integrityText(in), string(facts.Format), string(facts.Format)}}
	switch {
	case in.Kernel == bind.Wrong:
		f.Outcome, f.Reason = Fail, "the kernel part is damaged"
		f.Advice = "Get the image again in binary mode from where it was built; nothing overrides this."
	case in.Digest == bind.Wrong && in.Damage != nil && in.Damage.Problem == bind.Disagrees:
		f.Outcome, f.Reason = Fail, "the descriptor belongs to another image"
		f.Advice = "Find out which of image and descriptor is right; nothing overrides this."
	case in.Digest == bind.Wrong:
		f.Outcome, f.Reason = Fail, "the digest does not match the image"
		f.Advice = "Get the image again in binary mode from where it was built; nothing overrides this."
	case in.Signature.State == bind.SignatureWrong:
		f.Outcome, f.Reason = Fail, "the signature is invalid"
		f.Advice = "Use the image as its maker signed it, or trust the key that signed it; nothing overrides this."
	case policy.RequireSignature && in.Signature.State != bind.SignatureRight:
		f.Outcome, f.Reason = Fail, "a valid signature is required"
		f.Advice = "Use an image signed by a trusted key; nothing overrides this."
	case in.Digest == bind.NotRead:
		f.Outcome, f.Reason = NotChecked, "the payload was not read"
		f.Advice = "Check again, with the payload."
	}
	return f
}

// integrityText returns what is known about the image's integrity in one line.
func integrityText(in bind.Integrity) string {
	digest := map[bind.Check]string{
		bind.Right: "sha256 verified", bind.Wrong: "sha256 wrong",
		bind.Absent: "length right, no digest to compare with", bind.NotRead: "payload not read",
	}[in.Digest]
	signature := map[bind.SignatureState]string{
		bind.Unsigned: "not signed", bind.NoKey: "signed, no key to check it with",
		bind.SignatureWrong: "signature wrong", bind.SignatureRight: "signature right",
	}[in.Signature.State]
	kernel := map[bind.Check]string{bind.Right: "kernel part intact, ", bind.Wrong: "kernel part damaged, "}[in.Kernel]
	return digest + ", " + kernel + signature
}
