//! Archives: what goes in comes out, and what is damaged or forbidden is refused with its place.

use std::io::Write;

use flate2::{Compression, write::GzEncoder};
use outrigger_package::{ErrorKind, Limits, Package};
use proptest::prelude::*;
use tar::{Builder, EntryType, Header};

use crate::guestbook;

#[test]
fn what_is_packed_is_read_and_the_digest_is_that_of_the_content() {
    let package = guestbook::package();
    let read = Package::from_archive(package.archive().clone(), &Limits::default()).unwrap();
    assert_eq!(read, package);
    assert_eq!(read.manifest().name, "guestbook");
    assert_eq!(guestbook::package().archive(), package.archive(), "the same content, the same bytes");
    let mut files = guestbook::files();
    files.insert("README.md".to_owned(), "Guests.".into());
    assert_ne!(Package::from_files(files, &Limits::default()).unwrap().digest(), package.digest());
}

/// `printf x | sha256sum`
#[test]
fn digests_are_sha256() {
    assert_eq!(
        outrigger_package::sha256(b"x"),
        "sha256:2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"
    );
}

/// An archive of entries as they are given.
fn archive(entries: &[(&[u8], EntryType, &[u8])]) -> Vec<u8> {
    let mut builder = Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for (name, kind, content) in entries {
        let mut header = Header::new_gnu();
        // The crate's own setter refuses what these tests are about.
        header.as_old_mut().name[..name.len()].copy_from_slice(name);
        header.set_entry_type(*kind);
        header.set_mode(0o644);
        header.set_size(content.len() as u64);
        header.set_cksum();
        builder.append(&header, *content).unwrap();
    }
    builder.into_inner().unwrap().finish().unwrap()
}

fn manifest() -> (&'static [u8], EntryType, &'static [u8]) {
    (
        b"addon.yaml",
        EntryType::Regular,
        b"name: guestbook\ndescription: Guestbooks.\nversions: {addon: 1.2.0, manifest: 1}\n",
    )
}

#[track_caller]
fn refused(bytes: Vec<u8>, limits: &Limits, kind: ErrorKind, told: &[&str]) {
    let error = Package::from_archive(bytes, limits).expect_err("it must be refused");
    let text = error.to_string();
    assert_eq!(error.kind(), kind, "{text}");
    for part in told {
        assert!(text.contains(part), "no {part:?} in {text}");
    }
    assert!(!text.contains('\n'), "one line: {text}");
}

#[test]
fn names_and_kinds_that_are_refused() {
    let plain = EntryType::Regular;
    let check = |name: &[u8], kind, content: &[u8], told: &[&str]| {
        let bytes = archive(&[manifest(), (name, kind, content)]);
        refused(bytes, &Limits::default(), ErrorKind::Invalid, told);
    };
    check(b"/etc/passwd", plain, b"x", &["/etc/passwd", "no path inside"]);
    check(b"../up", plain, b"x", &["../up", "no path inside"]);
    check(b"hub/../../up", plain, b"x", &["hub/../../up"]);
    check(b"hub//up", plain, b"x", &["hub//up"]);
    check(b"hub\\up", plain, b"x", &["no path inside"]);
    check(b"hub/\x1b[2J", plain, b"x", &["\\u{1b}", "no path inside"]);
    check(b"hub/\xff", plain, b"x", &["no UTF-8"]);
    check(b"addon.yaml", plain, b"x", &["addon.yaml", "twice"]);
    check(b"./addon.yaml", plain, b"x", &["addon.yaml", "twice"]);
    check(b"addon.yaml/", EntryType::Directory, b"", &["addon.yaml", "twice"]);
    check(b"addon.yaml/below", plain, b"x", &["addon.yaml is a file"]);
    check(b"hub/link", EntryType::Symlink, b"", &["hub/link", "symbolic link"]);
    check(b"hub/link", EntryType::Link, b"", &["hub/link", "hard link"]);
    check(b"hub/zero", EntryType::Char, b"", &["hub/zero", "a device"]);
    check(b"hub/disk", EntryType::Block, b"", &["hub/disk", "a device"]);
    check(b"hub/pipe", EntryType::Fifo, b"", &["hub/pipe", "a pipe"]);
}

#[test]
fn manifests_that_are_refused() {
    let plain = EntryType::Regular;
    let text: &[u8] = b"name: guestbook\ndescription: x\nversions: {addon: 1.2.0, manifest: 1}\nhub: [hub/a.yaml]\n";
    let bytes = archive(&[(b"addon.yaml", plain, text)]);
    refused(bytes, &Limits::default(), ErrorKind::NotFound, &["addon.yaml: names hub/a.yaml"]);
    let bytes = archive(&[(b"README.md", plain, b"x")]);
    refused(bytes, &Limits::default(), ErrorKind::NotFound, &["addon.yaml"]);
    let bytes = archive(&[(b"addon.yaml", plain, b"\xff\xff")]);
    refused(bytes, &Limits::default(), ErrorKind::Invalid, &["addon.yaml", "not UTF-8"]);
}

#[test]
fn what_is_too_large_is_refused() {
    let plain = EntryType::Regular;
    let limits = Limits { archive: 4096, unpacked: 64 << 10, entries: 3, path: 20 };
    let zeros = vec![0; 1 << 20];
    // A thousand times as large as it looks.
    let bomb = archive(&[manifest(), (b"hub/zeros", plain, &zeros)]);
    assert!(bomb.len() < 8192);
    let room = Limits { archive: 8192, ..limits };
    refused(bomb, &room, ErrorKind::TooLarge, &["hub/zeros", "more than 65536 bytes"]);
    refused(vec![0; 5000], &limits, ErrorKind::TooLarge, &["5000 bytes"]);
    let many = [manifest(), (b"hub/a", plain, b"x"), (b"hub/b", plain, b"x"), (b"hub/c", plain, b"x")];
    refused(archive(&many), &limits, ErrorKind::TooLarge, &["hub/c", "more than 3 entries"]);
    let long = archive(&[manifest(), (b"hub/12345678901234567", plain, b"x")]);
    refused(long, &limits, ErrorKind::TooLarge, &["21 bytes long", "may be 20"]);
    let lying = Limits { unpacked: 1024, ..limits };
    refused(archive(&[manifest()]), &lying, ErrorKind::TooLarge, &["more than 1024 bytes"]);
}

#[test]
fn bytes_that_are_missing_or_too_many_are_refused() {
    let whole = guestbook::package().archive().to_vec();
    let limits = Limits::default();
    for (bytes, told) in [
        (Vec::new(), "cut off"),
        (b"plain text, and no archive".to_vec(), "no archive"),
        (whole[..whole.len() - 1].to_vec(), "cut off"),
        (whole[..whole.len() / 2].to_vec(), "cut off"),
        ([whole.as_slice(), b"more"].concat(), "4 bytes follow"),
        ([whole.as_slice(), &whole].concat(), "bytes follow"),
    ] {
        refused(bytes, &limits, ErrorKind::Invalid, &[told]);
    }
    // A second tar, or anything else, within the compressed stream.
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    let mut plain = Builder::new(Vec::new());
    let (name, _, content) = manifest();
    let mut header = Header::new_gnu();
    header.set_size(content.len() as u64);
    header.set_mode(0o644);
    plain.append_data(&mut header, std::str::from_utf8(name).unwrap(), content).unwrap();
    encoder.write_all(&plain.into_inner().unwrap()).unwrap();
    encoder.write_all(b"hidden").unwrap();
    refused(encoder.finish().unwrap(), &limits, ErrorKind::Invalid, &["follows the end"]);
}

/// Every third byte flipped, and every third length: an error, or the very same content.
#[test]
fn damage_is_found() {
    let package = guestbook::package();
    let whole = package.archive().to_vec();
    for at in (0..whole.len()).step_by(3) {
        assert!(Package::from_archive(whole[..at].to_vec(), &Limits::default()).is_err(), "cut at {at}");
        for mask in [0x01, 0x80, 0xff] {
            let mut bytes = whole.clone();
            bytes[at] ^= mask;
            if let Ok(read) = Package::from_archive(bytes, &Limits::default()) {
                assert_eq!(read.files(), package.files(), "{mask:#x} at {at}");
                assert_ne!(read.digest(), package.digest(), "{mask:#x} at {at}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    /// Damage inside the tar, where no checksum of gzip finds it: an error or a package, and never a panic or a
    /// path that leads out.
    #[test]
    fn damaged_tars_do_no_harm(at in 0_usize..4096, byte: u8, cut in 0_usize..4096) {
        let mut plain = Vec::new();
        std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(&**guestbook::package().archive()), &mut plain).unwrap();
        let length = plain.len();
        plain[at % length] = byte;
        plain.truncate(length - cut % length);
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(&plain).unwrap();
        let limits = Limits { unpacked: 1 << 20, ..Limits::default() };
        if let Ok(package) = Package::from_archive(encoder.finish().unwrap(), &limits) {
            for path in package.files().keys() {
                prop_assert!(outrigger_addon::manifest::is_inside(path), "{}", path);
            }
        }
    }

    #[test]
    fn noise_is_no_archive(bytes in proptest::collection::vec(any::<u8>(), 0..2048)) {
        prop_assert!(Package::from_archive(bytes, &Limits::default()).is_err());
    }
}
