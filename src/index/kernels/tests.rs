use proptest::prelude::*;

use super::*;

fn every() -> Vec<&'static Kernels> {
    static PORTABLE: Kernels = Kernels::PORTABLE;
    vec![Kernels::chosen(), &PORTABLE]
}

/// What a row stands for, in double precision.
fn decoded(codes: &[u8], residuals: &[i16], scale: f32) -> Vec<f64> {
    let unit = f64::from(scale) / f64::from(FINE);
    let rows = codes.iter().zip(residuals);
    rows.map(|(code, residual)| {
        f64::from((i32::from(*code) - 128) * 65_536 + i32::from(*residual)) * unit
    })
    .collect()
}

fn vector(len: impl Into<prop::collection::SizeRange>) -> impl Strategy<Value = Vec<f32>> {
    prop::collection::vec(-10.0_f32..10.0, len)
}

proptest! {
    #[test]
    fn products_of_codes_are_exact_at_every_length(
        (query, rows) in (1_usize..300).prop_flat_map(|len| (
            prop::collection::vec(-127_i8..=127, len),
            prop::collection::vec(prop::collection::vec(any::<u8>(), len), 1..40),
        ))
    ) {
        let product = |row: &Vec<u8>| -> i32 {
            query.iter().zip(row).map(|(q, r)| i32::from(*q) * i32::from(*r)).sum()
        };
        let expected: Vec<i32> = rows.iter().map(product).collect();
        let scattered: Vec<&[u8]> = rows.iter().map(Vec::as_slice).collect();
        for kernels in every() {
            let mut products = vec![0; rows.len()];
            kernels.dot_scattered(&query, &scattered, &mut products);
            prop_assert_eq!(&products, &expected, "{}", kernels.name());
            products.fill(0);
            kernels.dot_rows(&query, &rows.concat(), &mut products);
            prop_assert_eq!(&products, &expected, "{}", kernels.name());
            let four = std::array::from_fn(|at| scattered[at % rows.len()]);
            let expected: [i32; 4] = std::array::from_fn(|at| expected[at % rows.len()]);
            prop_assert_eq!(kernels.dot_codes(&query, four), expected, "{}", kernels.name());
        }
    }

    #[test]
    fn ceilings_are_nearness_and_its_margin(
        rows in prop::collection::vec((-1_000_000..1_000_000, 0.0_f32..1.0, 0.0_f32..9.0), 1..70),
        offset in -1_000_000..1_000_000,
        (scale, norm, apart) in (0.0_f32..1.0, 0.0_f32..9.0, any::<bool>()),
    ) {
        let bounds = Bounds { offset, scale, norm, apart, deviations: 1.5 };
        let products: Vec<i32> = rows.iter().map(|(product, ..)| *product).collect();
        let terms: Vec<[f32; 2]> = rows.iter().map(|(_, scale, norm)| [*scale, *norm]).collect();
        for kernels in every() {
            let mut ceilings = vec![0.0; rows.len()];
            kernels.ceilings(bounds, &products, &terms, &mut ceilings);
            for ((product, own_scale, own_norm), ceiling) in rows.iter().zip(ceilings) {
                let [scale, norm, own_scale, own_norm] =
                    [scale, norm, *own_scale, *own_norm].map(f64::from);
                let product = f64::from(product - offset) * scale * own_scale;
                let margin = 1.5 * (own_scale * norm + scale * own_norm);
                let expected = if apart {
                    2.0 * (product + margin) - norm * norm - own_norm * own_norm
                } else {
                    product + margin
                };
                let near = (f64::from(ceiling) - expected).abs() <= 1e-6 * (product.abs() + 200.0);
                prop_assert!(near, "{}: {ceiling} {expected}", kernels.name());
            }
        }
    }

    #[test]
    fn a_vector_comes_back_from_its_codes_to_single_precision(values in vector(1..300)) {
        let longest = values.iter().fold(0.0_f32, |most, value| most.max(value.abs()));
        for kernels in every() {
            let (mut codes, mut residuals) = (vec![0; values.len()], vec![0; values.len()]);
            let scale = kernels.encode(&values, &mut codes, &mut residuals);
            for (value, back) in values.iter().zip(decoded(&codes, &residuals, scale)) {
                let apart = (f64::from(*value) - back).abs();
                prop_assert!(apart <= f64::from(longest) * 3e-7, "{}: {value} {back}", kernels.name());
            }
        }
    }

    #[test]
    fn fine_products_and_distances_agree_with_double_precision(
        (values, query) in (1_usize..300).prop_flat_map(|len| (vector(len), vector(len)))
    ) {
        for kernels in every() {
            let (mut codes, mut residuals) = (vec![0; values.len()], vec![0; values.len()]);
            let scale = kernels.encode(&values, &mut codes, &mut residuals);
            let row = decoded(&codes, &residuals, scale);
            let pairs = || row.iter().zip(&query).map(|(x, q)| (*x, f64::from(*q)));
            let size: f64 = pairs().map(|(x, q)| (x.abs() + q.abs()).powi(2)).sum();
            let dot: f64 = pairs().map(|(x, q)| x * q).sum();
            let l2sq: f64 = pairs().map(|(x, q)| (x - q).powi(2)).sum();
            let unit = scale / FINE;
            let got = f64::from(kernels.dot_fine(&codes, &residuals, &query) * unit);
            prop_assert!((got - dot).abs() <= 1e-6 * size.max(1.0), "{}: {got} {dot}", kernels.name());
            let got = f64::from(kernels.l2sq_fine(&codes, &residuals, unit, &query));
            prop_assert!((got - l2sq).abs() <= 1e-6 * size.max(1.0), "{}: {got} {l2sq}", kernels.name());
        }
    }

    #[test]
    fn single_precision_kernels_agree_with_double_precision(
        (a, b) in (1_usize..400).prop_flat_map(|len| (vector(len), vector(len)))
    ) {
        let pairs = || a.iter().zip(&b).map(|(x, y)| (f64::from(*x), f64::from(*y)));
        let size: f64 = pairs().map(|(x, y)| (x.abs() + y.abs()).powi(2)).sum::<f64>().max(1.0);
        let near = |got: f32, expected: f64| (f64::from(got) - expected).abs() <= 1e-5 * size;
        prop_assert!(near(dot(&a, &b), pairs().map(|(x, y)| x * y).sum()));
        prop_assert!(near(l2sq(&a, &b), pairs().map(|(x, y)| (x - y).powi(2)).sum()));
        prop_assert!(near(l1(&a, &b), pairs().map(|(x, y)| (x - y).abs()).sum()));
    }
}

#[test]
fn vectors_that_are_zero_or_nearly_so_have_codes_of_zero() {
    for values in [[0.0_f32; 3], [1e-44; 3], [-0.0, 0.0, 1e-45]] {
        for kernels in every() {
            let (mut codes, mut residuals) = ([0; 3], [7; 3]);
            let scale = kernels.encode(&values, &mut codes, &mut residuals);
            assert_eq!((codes, residuals, scale), ([128; 3], [0; 3], 0.0));
        }
    }
}
