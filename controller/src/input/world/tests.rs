//! Files that come, change, break and go.

use super::*;
use gatewright_validation::Mode;

const SERVICE: &str = "apiVersion: v1\nkind: Service\nmetadata: {name: NAME}\nspec: {ports: [{port: 80}]}\n";

fn world(dir: &Path) -> World {
    let validator = Validator::new(
        gatewright_validation::Bundle::V1_7_0,
        gatewright_validation::Channel::Experimental,
        Mode::Lenient,
    );
    let bounds = Bounds {
        file: 1024 * 1024,
        total: 3 * 1024 * 1024,
    };
    World::new(vec![dir.to_path_buf()], validator, bounds)
}

fn names(world: &World) -> Vec<String> {
    let names = world.merged.keys().map(|key| key.name.name.to_string());
    names.collect()
}

#[test]
fn only_what_changed_is_a_change() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("a.yaml"), SERVICE.replace("NAME", "a")).unwrap();
    std::fs::write(dir.path().join("b.yaml"), SERVICE.replace("NAME", "b")).unwrap();
    let mut world = world(dir.path());
    assert_eq!(world.look().changes.len(), 2);
    assert_eq!(world.look().changes.len(), 0);
    std::fs::write(
        dir.path().join("b.yaml"),
        SERVICE.replace("NAME", "b").replace("80", "8080"),
    )
    .unwrap();
    std::fs::remove_file(dir.path().join("a.yaml")).unwrap();
    let look = world.look();
    assert_eq!(
        (look.changes.len(), look.read),
        (2, 1),
        "one edited, one gone, one read"
    );
    assert_eq!(names(&world), ["b"]);
}

#[test]
fn an_invalid_update_keeps_the_last_good_object() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("a.yaml");
    let two = SERVICE.replace("NAME", "a") + "---\n" + &SERVICE.replace("NAME", "b");
    std::fs::write(&file, &two).unwrap();
    let mut world = world(dir.path());
    world.look();
    for broken in [
        two.replacen("80", "no-number", 1),
        two.replacen("spec: {", "spec: {{", 1),
        "kind: [".to_owned(),
    ] {
        std::fs::write(&file, &broken).unwrap();
        let look = world.look();
        assert!(!look.diagnostics.is_empty(), "{broken}");
        assert_eq!(names(&world), ["a", "b"], "{broken}");
    }
    std::fs::write(&file, SERVICE.replace("NAME", "b")).unwrap();
    world.look();
    assert_eq!(names(&world), ["b"], "a valid file without the object removes it");
}

#[test]
fn an_object_that_two_files_define_is_taken_from_the_first_and_reported() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("a.yaml"), SERVICE.replace("NAME", "x")).unwrap();
    std::fs::write(
        dir.path().join("b.yaml"),
        SERVICE.replace("NAME", "x").replace("80", "90"),
    )
    .unwrap();
    let mut world = world(dir.path());
    let look = world.look();
    assert_eq!(look.changes.len(), 1);
    let text = look.diagnostics[0].to_string();
    assert!(text.contains("b.yaml:1") && text.contains("a.yaml:1"), "{text}");
}

#[test]
fn a_file_past_the_limit_is_an_error_that_names_it() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("a.yaml"), vec![b' '; 1024 * 1024 + 1]).unwrap();
    let look = world(dir.path()).look();
    assert!(
        look.diagnostics[0].to_string().contains("limit of 1 MiB"),
        "{}",
        look.diagnostics[0]
    );
}

#[test]
fn files_past_the_bound_on_all_of_them_are_errors_and_keep_what_they_held() {
    let dir = tempfile::tempdir().unwrap();
    let filler = "#".repeat(1000 * 1024);
    for name in ["a", "b", "c"] {
        std::fs::write(
            dir.path().join(format!("{name}.yaml")),
            SERVICE.replace("NAME", name) + &filler,
        )
        .unwrap();
    }
    let mut world = world(dir.path());
    assert_eq!(world.look().diagnostics.len(), 0);
    std::fs::write(dir.path().join("aa.yaml"), &filler).unwrap();
    // What is behind the bound now is not read again before it changes.
    let c = dir.path().join("c.yaml");
    std::fs::write(&c, SERVICE.replace("NAME", "d") + &filler).unwrap();
    let look = world.look();
    let text = look.diagnostics[0].to_string();
    assert!(text.contains("c.yaml") && text.contains("3 MiB"), "{text}");
    assert_eq!(names(&world), ["a", "b", "c"]);
    std::fs::remove_file(dir.path().join("aa.yaml")).unwrap();
    assert_eq!(world.look().diagnostics.len(), 0);
    assert_eq!(names(&world), ["a", "b", "d"], "read as soon as there is room");
}

#[test]
fn a_second_write_within_one_tick_of_the_file_systems_clock_is_seen() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("a.yaml");
    let write = |name: &str, at| {
        std::fs::write(&file, SERVICE.replace("NAME", name)).unwrap();
        let handle = std::fs::File::options().append(true).open(&file).unwrap();
        handle.set_modified(at).unwrap();
    };
    let mut world = world(dir.path());
    let now = SystemTime::now();
    write("a", now);
    world.look();
    write("b", now);
    world.look();
    assert_eq!(names(&world), ["b"]);
}

#[test]
fn a_file_that_vanishes_between_listing_and_reading_takes_its_objects_at_the_next_look() {
    let dir = tempfile::tempdir().unwrap();
    let (a, b) = (dir.path().join("a.yaml"), dir.path().join("b.yaml"));
    std::fs::write(&a, SERVICE.replace("NAME", "a")).unwrap();
    std::fs::write(&b, SERVICE.replace("NAME", "b")).unwrap();
    let mut world = world(dir.path());
    world.look();
    // The listing is of before, the reading of after.
    std::fs::write(&b, SERVICE.replace("NAME", "other-name")).unwrap();
    let (found, _) = scan::scan(&[dir.path().to_path_buf()]);
    std::fs::remove_file(&b).unwrap();
    for file in &found {
        world.refresh(file, 0);
    }
    let mut look = Look::default();
    world.merge(&mut look);
    assert_eq!(names(&world), ["a", "b"], "kept for now");
    assert!(look.diagnostics[0].to_string().contains("b.yaml"));
    let look = world.look();
    assert_eq!(names(&world), ["a"]);
    assert!(look.diagnostics.is_empty(), "{:?}", look.diagnostics);
}

#[test]
fn more_diagnostics_than_are_kept_are_counted_and_come_back() {
    let dir = tempfile::tempdir().unwrap();
    let file = |number: usize| dir.path().join(format!("{number:02}.yaml"));
    // The validator itself keeps 1,000 of a file and one that counts the rest.
    let broken = "---\na: 1\n".repeat(600);
    for number in 0..=MAX_DIAGNOSTICS / 1001 {
        std::fs::write(file(number), &broken).unwrap();
    }
    let mut world = world(dir.path());
    let look = world.look();
    assert_eq!(look.diagnostics.len(), MAX_DIAGNOSTICS + 1);
    let text = look.diagnostics.last().unwrap().to_string();
    assert!(
        text.starts_with("error: and 50 more errors and 0 more warnings"),
        "{text}"
    );
    std::fs::remove_file(file(0)).unwrap();
    std::fs::write(file(49), broken.replace("a: 1", "b: 1")).unwrap();
    assert_eq!(world.look().diagnostics.len(), 49 * 1001);
}

/// Any sequence of writes and removals leads to the same as reading the last state at once.
#[test]
fn looks_that_follow_each_other_lead_to_what_one_look_sees() {
    let dir = tempfile::tempdir().unwrap();
    let path = |file: u64| dir.path().join(format!("{file}.yaml"));
    let mut world = world(dir.path());
    let mut told: BTreeMap<ObjectKey, Arc<Object>> = BTreeMap::new();
    let mut random = 0x9E37_79B9_7F4A_7C15_u64;
    let mut next = |below: u64| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random % below
    };
    for round in 0..300 {
        for _ in 0..=next(2) {
            let file = next(4);
            if next(4) == 0 {
                let _ = std::fs::remove_file(path(file));
            } else {
                let documents: Vec<String> = (0..next(4))
                    .map(|_| {
                        let service = SERVICE.replace("NAME", &format!("s{}", next(5)));
                        service.replace("80", &(80 + next(3)).to_string())
                    })
                    .collect();
                std::fs::write(path(file), documents.join("---\n")).unwrap();
            }
        }
        let look = world.look();
        for change in look.changes {
            match change {
                Change::Upsert(object) => {
                    let before = told.insert(object.key(), Arc::clone(&object));
                    assert!(
                        before.is_none_or(|before| before != object),
                        "round {round}: no change"
                    );
                }
                Change::Delete(key) => assert!(told.remove(&key).is_some(), "round {round}: {key}"),
            }
        }
        let mut fresh = super::tests::world(dir.path());
        let seen = fresh.look();
        let all: BTreeMap<ObjectKey, Arc<Object>> = seen
            .changes
            .into_iter()
            .map(|change| match change {
                Change::Upsert(object) => (object.key(), object),
                Change::Delete(key) => panic!("{key} deleted in an empty world"),
            })
            .collect();
        assert_eq!(told, all, "round {round}");
        let texts = |problems: &[Problem]| problems.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(
            texts(&look.diagnostics),
            texts(&seen.diagnostics),
            "round {round}"
        );
        let keys = all.keys().cloned().collect();
        assert_eq!(world.places(&keys), fresh.places(&keys), "round {round}");
    }
}
