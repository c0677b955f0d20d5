class Cpupdate < Formula
  desc "{{.Summary}}"
  homepage "{{.Homepage}}"
  version "{{.Version}}"
  license "Apache-2.0"

  on_macos do
    on_arm do
      url "{{.Base}}/cpupdate_{{.Version}}_darwin_arm64.tar.gz"
      sha256 "{{index .Digest "darwin_arm64.tar.gz"}}"
    end
    on_intel do
      url "{{.Base}}/cpupdate_{{.Version}}_darwin_amd64.tar.gz"
      sha256 "{{index .Digest "darwin_amd64.tar.gz"}}"
    end
  end

  on_linux do
    on_arm do
      url "{{.Base}}/cpupdate_{{.Version}}_linux_arm64.tar.gz"
      sha256 "{{index .Digest "linux_arm64.tar.gz"}}"
    end
    on_intel do
      url "{{.Base}}/cpupdate_{{.Version}}_linux_amd64.tar.gz"
      sha256 "{{index .Digest "linux_amd64.tar.gz"}}"
    end
  end

  def install
    bin.install "cpupdate"
    man1.install Dir["man/man1/*.1"]
    bash_completion.install "completions/cpupdate.bash" => "cpupdate"
    zsh_completion.install "completions/_cpupdate"
    fish_completion.install "completions/cpupdate.fish"
  end

  test do
    assert_match version.to_s, shell_output("#{bin}/cpupdate version")
  end
end
